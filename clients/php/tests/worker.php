<?php

declare(strict_types=1);

// A worker of a queue that says what it is told: php worker.php DAEMON GROUP SCRIPT.
// It prints "ready" when it is in the group, and then service and head of each
// message that it gets. For each the next entry of the script is the list of its answers, with the
// id of the job for ID; [text, n] has n bytes of data behind the text. After the last
// entry it says nothing.

use Gospread\Connection;
use Gospread\ConnectionClosedException;
use Gospread\Message;
use Gospread\Service;
use Gospread\View;

require __DIR__ . '/../autoload.php';

[, $daemon, $group, $script] = $argv;
$script = unserialize(base64_decode($script));
$c = Connection::connect($daemon);
$c->join($group);
try {
    serve($c, $script);
} catch (ConnectionClosedException) {
}

function serve(Connection $c, array $script): void
{
    foreach ($c as $event) {
        if ($event instanceof View) {
            echo "ready\n";
        } elseif ($event instanceof Message) {
            $head = substr($event->data, 4, strpos($event->data, "\n\n") - 4);
            echo $event->service->name, ' ', strtr($head, "\n", ' '), "\n";
            preg_match('/^id=(.*)$/m', $head, $m);
            foreach (array_shift($script) ?? [] as $answer) {
                [$text, $n] = (array) $answer + [1 => 0];
                $c->multicast(Service::Agreed, $event->sender, strtr("wq1 $text", ['ID' => $m[1] ?? '']) . str_repeat('x', $n), 22353);
            }
        }
    }
}
