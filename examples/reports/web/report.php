<?php

declare(strict_types=1);

// One report: how far it is, or the way to it. progress.js keeps the page up to date; without it
// the browser loads the page again.

require __DIR__ . '/../lib/setup.php';

$report = requested();
$now = progress($report);
$over = in_array($now['state'], ['done', 'failed'], true);

head($report['title'], $over ? 0 : 2);
?>
<section class="card <?= h($now['state']) ?>" id="report" data-id="<?= h($report['id']) ?>" data-state="<?= h($now['state']) ?>">
<p class="about"><?= h(KINDS[$report['kind']]) ?>, <?= h($report['items']) ?> largest sales in each chapter</p>
<h1><bdi><?= h($report['title']) ?></bdi></h1>
<p class="headline" id="headline" role="status"><?= h($now['headline']) ?></p>
<p class="note" id="note"><?= h($now['note']) ?></p>
<progress id="bar" max="100" value="<?= h($now['percent']) ?>"<?= $over ? ' hidden' : '' ?> aria-label="How far the report is"></progress>
<p id="download"<?= $now['state'] === 'done' ? '' : ' hidden' ?>><a class="button" href="download.php?id=<?= h($report['id']) ?>">Download the PDF</a></p>
<h2>What has happened</h2>
<ol class="history" id="history">
<?php foreach ($now['history'] as $event) { ?>
<li><time><?= h($event['at']) ?></time><span><?= h($event['what']) ?></span></li>
<?php } ?>
</ol>
<p id="trouble" class="wrong" role="status" hidden>Nothing is heard of your report now. Trying again.</p>
</section>
<p><a class="button quiet" href="./">Order another report</a></p>
<script src="progress.js" defer></script>
<?php
foot();
