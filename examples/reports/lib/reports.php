<?php

declare(strict_types=1);

// Reports: the database keeps them, the queue has them made.

use Gospread\SpreadException;
use Gospread\WorkQueue\NoWorkersException;
use Gospread\WorkQueue\State;
use Gospread\WorkQueue\WorkQueueException;

const KINDS = ['month' => 'Sales by month', 'region' => 'Sales by region', 'product' => 'Sales by product'];
const TITLE_LENGTH = 100; // characters
const MOST_ITEMS = 500;
const MOST_UNFINISHED = 100; // reports that may wait or be made at a time

/** Keeps an order and hands it to the queue. An id that was ordered before is the same order. */
function order(string $id, string $kind, string $title, int $items): void
{
    $insert = 'INSERT INTO reports (id, kind, title, items) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id';
    if (ask($insert, $id, $kind, $title, $items)->rowCount() === 0) {
        return;
    }
    note($id, 'You ordered it.');
    try {
        queue()->submit('', $id);
    } catch (WorkQueueException | SpreadException $e) {
        // It is kept: workers look into the database for reports that nobody makes.
        error_log("report $id is not with the queue yet: {$e->getMessage()}");
    }
}

function note(string $id, string $what): void
{
    ask('INSERT INTO history (report, what) VALUES (?, ?)', $id, $what);
}

function report(string $id): ?array
{
    if (!preg_match('/^[0-9a-f]{32}$/D', $id)) {
        return null;
    }
    $columns = 'id, kind, title, items, state, worker, attempt, percent, step, LENGTH(pdf) AS size, created, finished';
    return ask("SELECT $columns FROM reports WHERE id = ?", $id)->fetch() ?: null;
}

/** What a page shows of a report: state, headline, note, percent, history. */
function progress(array $report): array
{
    $shown = match ($report['state']) {
        'done' => ['done', 'Your report is ready', 'It has ' . size((int) $report['size']) . '.', 100],
        'failed' => ['failed', 'Your report could not be made', ucfirst($report['step']) . '.', 0],
        default => askQueue($report),
    };
    if ($shown === null) { // it has ended while we asked
        return progress(report($report['id']));
    }
    $lines = 'SELECT DATE_FORMAT(at, "%H:%i:%s") AS at, what FROM history WHERE report = ? ORDER BY id DESC LIMIT 20';
    return array_combine(['state', 'headline', 'note', 'percent'], $shown)
        + ['history' => array_reverse(ask($lines, $report['id'])->fetchAll())];
}

/** Where a report is that is not done. What the database knows of it may be late; the queue knows. */
function askQueue(array $report): ?array
{
    try {
        $queue = queue();
        $status = $queue->status($report['id']);
        if ($status->state === State::Unknown) { // all workers were away: these do not know it
            $queue->submit('', $report['id']);
        }
    } catch (NoWorkersException) {
        return ['kept', 'No worker answers', 'Your report is kept, and will be made when one comes. You need not wait here.', 0];
    } catch (WorkQueueException | SpreadException $e) {
        error_log("asking for report {$report['id']}: {$e->getMessage()}");
        $lost = 'The web server cannot reach the queue.';
        return $report['state'] === 'running'
            ? ['running', 'Your report is being made', "$lost The database says: {$report['step']}", (int) $report['percent']]
            : ['kept', 'Your report is kept', "$lost Your report will be made all the same. You need not wait here.", 0];
    }
    switch ($status->state) {
        case State::Waiting:
            $before = match ($status->position) {
                0 => 'It is the next. All workers are busy.',
                1 => 'One other report is before it.',
                default => "$status->position other reports are before it.",
            };
            return ['waiting', 'Your report waits for a worker', $before, 0];
        case State::Running:
            return ['running', worker($status->on) . ' makes your report', $status->text ?: 'It begins.', $status->percent];
        case State::Done:
            return ['running', 'Your report is ready in a moment', '', 100];
        case State::Unknown:
            return ['waiting', 'Your report waits for a worker', 'Workers have come, and take it up in a moment.', 0];
        default: // failed: no worker could write that down
            $failed = "UPDATE reports SET state = 'failed', step = LEFT(?, 250), finished = NOW(3)"
                . " WHERE id = ? AND state IN ('waiting', 'running')";
            if (ask($failed, $status->text, $report['id'])->rowCount() > 0) {
                note($report['id'], 'The report has failed.');
            }
            return null;
    }
}

/** "worker1 on earth" for #worker1#earth. */
function worker(string $privateGroup): string
{
    [, $name, $daemon] = explode('#', "$privateGroup##");
    return $name === '' ? 'A worker' : "$name on $daemon";
}

function size(int $bytes): string
{
    return $bytes < 1_000_000 ? number_format(max(1, $bytes / 1000)) . ' kB' : number_format($bytes / 1_000_000, 1) . ' MB';
}
