<?php

declare(strict_types=1);

// What report.php shows, as JSON for progress.js.

require __DIR__ . '/../lib/setup.php';

$report = requested();
header('Content-Type: application/json');
echo json_encode(progress($report), JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
