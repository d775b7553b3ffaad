'use strict';

// Who comes back to index.php may see it as it was before the last order. This loads it anew.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.replace('./');
});
