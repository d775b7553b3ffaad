<?php

declare(strict_types=1);

// The PDF.

require __DIR__ . '/../lib/setup.php';

$report = requested();
if ($report['state'] !== 'done') {
    header("Location: report.php?id={$report['id']}", true, 303);
    exit;
}
$name = trim(preg_replace('/[^\p{L}\p{M}\p{N}]+/u', '-', $report['title']), '-') ?: 'report';
$ascii = trim(preg_replace('/[^A-Za-z0-9]+/', '-', $name), '-') ?: 'report'; // for programs that do not know filename*
header('Content-Type: application/pdf');
header("Content-Disposition: attachment; filename=\"$ascii.pdf\"; filename*=UTF-8''" . rawurlencode("$name.pdf"));
header("Content-Length: {$report['size']}");
echo ask('SELECT pdf FROM reports WHERE id = ?', $report['id'])->fetchColumn();
