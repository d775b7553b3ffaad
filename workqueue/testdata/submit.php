<?php

// A submitter for tests: php submit.php DAEMON QUEUE PAYLOAD... prints the results.

require __DIR__ . '/../../clients/php/autoload.php';

[, $daemon, $queue] = $argv;
$ids = array_map((new Gospread\WorkQueue\Submitter($daemon, $queue))->submit(...), array_slice($argv, 3));
$later = new Gospread\WorkQueue\Submitter($daemon, $queue);
foreach ($ids as $id) {
    echo $later->wait($id, 30), "\n";
}
