<?php

declare(strict_types=1);

// The form, and what the visitor has ordered.

require __DIR__ . '/../lib/setup.php';

allow('GET', 'HEAD', 'POST');
session(write: true);
$_SESSION['token'] ??= bin2hex(random_bytes(16));
$_SESSION['reports'] ??= [];
$wish = ['kind' => 'month', 'title' => 'Sales of the year', 'items' => '40'];
$wrong = [];

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    foreach ($wish as $name => $_) {
        $wish[$name] = is_string($_POST[$name] ?? null) ? trim($_POST[$name]) : '';
    }
    $wrong = foreignForm($_SESSION['token']) ?: wrongWish($wish) ?: tooMany();
    if (!$wrong) {
        // The same form with the same wishes, for example after a double click, is the same report; nobody can guess its id.
        $form = is_string($_POST['form'] ?? null) ? $_POST['form'] : '';
        $id = substr(hash_hmac('sha256', implode("\n", [$form, ...$wish]), $_SESSION['token']), 0, 32);
        order($id, $wish['kind'], $wish['title'], (int) $wish['items']);
        $_SESSION['reports'] = array_slice(array_unique([$id, ...$_SESSION['reports']]), 0, 10);
        header("Location: report.php?id=$id", true, 303);
        exit;
    }
    http_response_code(422);
}
$token = $_SESSION['token'];
$reports = array_filter(array_map('report', $_SESSION['reports']));
session_write_close();

/** What is wrong with a field, and the attributes of that field that tell about it. */
$wrongText = fn (string $name) => isset($wrong[$name]) ? "<p class=\"wrong\" id=\"$name-wrong\">" . h($wrong[$name]) . '</p>' : '';
$wrongAttributes = fn (string $name) => isset($wrong[$name]) ? " aria-invalid=\"true\" aria-describedby=\"$name-wrong\"" : '';

head('Order a report');
?>
<section class="card">
<h1>Order a report</h1>
<p>Making one takes a while. You can watch, or come back later.</p>
<form method="post">
<input type="hidden" name="token" value="<?= h($token) ?>">
<input type="hidden" name="form" value="<?= h(bin2hex(random_bytes(8))) ?>">
<?= $wrongText('form') ?>
<fieldset>
<legend>Which report?</legend>
<?php foreach (KINDS as $kind => $name) { ?>
<label class="choice"><input type="radio" name="kind" value="<?= h($kind) ?>"<?= $kind === $wish['kind'] ? ' checked' : '' ?>> <?= h($name) ?></label>
<?php } ?>
<?= $wrongText('kind') ?>
</fieldset>
<label for="title">Title</label>
<input id="title" name="title" dir="auto" value="<?= h($wish['title']) ?>" maxlength="<?= TITLE_LENGTH ?>" required autocomplete="off"<?= $wrongAttributes('title') ?>>
<?= $wrongText('title') ?>
<label for="items">Largest sales to list in each chapter</label>
<input id="items" name="items" type="number" value="<?= h($wish['items']) ?>" min="1" max="<?= MOST_ITEMS ?>" required<?= $wrongAttributes('items') ?>>
<?= $wrongText('items') ?>
<button>Order the report</button>
</form>
</section>
<?php if ($reports) { ?>
<section class="card">
<h2>Your reports</h2>
<ul class="reports">
<?php foreach ($reports as $r) { ?>
<li><a href="report.php?id=<?= h($r['id']) ?>"><bdi><?= h($r['title']) ?></bdi></a> <span class="tag <?= h($r['state']) ?>"><?= h(['done' => 'ready'][$r['state']] ?? $r['state']) ?></span></li>
<?php } ?>
</ul>
</section>
<?php } ?>
<script src="back.js" defer></script>
<?php
foot();
