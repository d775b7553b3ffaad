<?php

declare(strict_types=1);

// The frame of the pages.

/** For everything that goes into HTML. */
function h(string|int $text): string
{
    return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5, 'UTF-8');
}

/** @param $refresh seconds after which a browser without JavaScript loads the page again */
function head(string $title, int $refresh = 0): void
{
    ?>
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title><?= h($title) ?></title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="style.css">
<?php if ($refresh > 0) { ?>
<noscript><meta http-equiv="refresh" content="<?= $refresh ?>"></noscript>
<?php } ?>
</head>
<body>
<header><a href="./">Sales reports</a></header>
<main>
<?php
}

function foot(): void
{
    ?>
</main>
<footer>Workers make the reports, on any machine; this web server only orders them.</footer>
</body>
</html>
<?php
}

/** Refuses other methods than these. */
function allow(string ...$methods): void
{
    if (!in_array($_SERVER['REQUEST_METHOD'], $methods, true)) {
        header('Allow: ' . implode(', ', $methods));
        fail(405, 'That cannot be done here', 'The page is not meant to be used in this way.');
    }
}

/** The report that the address names, for pages that only show something. */
function requested(): array
{
    allow('GET', 'HEAD');
    $id = $_GET['id'] ?? '';
    return (is_string($id) ? report($id) : null) ?? fail(404, 'There is no such report', 'The address may be incomplete.');
}

/** Ends with a page that tells what is wrong. */
function fail(int $code, string $headline, string $text): never
{
    http_response_code($code);
    head($headline);
    ?>
<section class="card failed">
<h1><?= h($headline) ?></h1>
<p><?= h($text) ?></p>
<p><a class="button quiet" href="./">Order a report</a></p>
</section>
<?php
    foot();
    exit;
}
