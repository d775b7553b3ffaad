<?php

declare(strict_types=1);

// What every page begins with: where things are, and what visitors see when they are not there.

require getenv('GOSPREAD_PHP') . '/autoload.php';
require __DIR__ . '/reports.php';
require __DIR__ . '/form.php';
require __DIR__ . '/page.php';

use Gospread\WorkQueue\Submitter;

const QUEUE_PATIENCE = 2.0; // seconds that a page waits for the queue
const DATABASE_PATIENCE = 5; // and for the database, each time

/** The daemon of this machine: by its Unix socket if there is one, else by TCP. */
function queue(): Submitter
{
    return new Submitter(getenv('REPORTS_DAEMON') ?: '4803', 'reports', noWorkers: QUEUE_PATIENCE);
}

function db(): PDO
{
    static $db = null;
    ini_set('mysqlnd.net_read_timeout', (string) DATABASE_PATIENCE);
    return $db ??= new PDO(getenv('REPORTS_DSN'), 'web', getenv('REPORTS_PASSWORD'), [
        PDO::ATTR_TIMEOUT => DATABASE_PATIENCE, // to connect
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
        PDO::ATTR_EMULATE_PREPARES => false,
    ]);
}

/** Asks the database; values take the places of the question marks. */
function ask(string $sql, mixed ...$values): PDOStatement
{
    $statement = db()->prepare($sql);
    $statement->execute($values);
    return $statement;
}

/** The visitor's session. Pages that only look release it at once, so that they do not wait for each other. */
function session(bool $write = false): void
{
    session_start([
        'cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'cookie_secure' => !empty($_SERVER['HTTPS']),
        'use_strict_mode' => true, 'read_and_close' => !$write,
    ]);
}

header("Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    . "img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
header('X-Content-Type-Options: nosniff');
header('Referrer-Policy: same-origin');
header('Cache-Control: no-store');

set_exception_handler(static function (Throwable $e): void {
    error_log((string) $e);
    if ($e instanceof PDOException) {
        fail(503, 'The database does not answer', 'What you have ordered before is kept. Please try again in a minute.');
    }
    fail(500, 'Something went wrong here', 'What you have ordered before is kept. Please try again; the log of the web server tells more.');
});
