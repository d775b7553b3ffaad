<?php

declare(strict_types=1);

require __DIR__ . '/../lib/setup.php';

$id = (string) ($_GET['id'] ?? '');
$report = report($id) ?? fail(404, 'There is no such report', 'The address may be incomplete.');
if ($report['state'] !== 'done') {
    header("Location: report.php?id={$report['id']}", true, 303);
    exit;
}
$name = trim(preg_replace('/[^A-Za-z0-9]+/', '-', $report['title']), '-') ?: 'report';
header('Content-Type: application/pdf');
header("Content-Disposition: attachment; filename=\"$name.pdf\"");
header("Content-Length: {$report['size']}");
echo ask('SELECT pdf FROM reports WHERE id = ?', $id)->fetchColumn();
