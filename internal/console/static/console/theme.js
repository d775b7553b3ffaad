// The choice between light and dark. A classic script in the head, so that it is in
// force before anything is drawn.
(() => {
  const key = 'spread-console-theme';
  const modes = ['auto', 'light', 'dark'];
  let mode = 'auto';
  try {
    mode = localStorage.getItem(key) ?? 'auto';
  } catch { /* without storage the choice lasts as long as the page */ }
  const apply = () => {
    if (!modes.includes(mode)) mode = 'auto';
    if (mode === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = mode;
  };
  apply();
  addEventListener('DOMContentLoaded', () => {
    const select = document.getElementById('theme');
    select.value = mode;
    select.addEventListener('change', () => {
      mode = select.value;
      apply();
      try {
        localStorage.setItem(key, mode);
      } catch { /* see above */ }
    });
  });
})();
