<?php

declare(strict_types=1);

namespace Gospread\Tests;

/** The example of the README runs, and says what it should. */
final class ReadmeTest extends TestCase
{
    public function testExample(): void
    {
        $this->same(1, preg_match('/```php\n(.*?)```/s', file_get_contents(__DIR__ . '/../README.md'), $m));
        $code = str_replace("'4803', name: 'web1'", var_export($this->daemon(), true), $m[1]);
        $p = proc_open([PHP_BINARY, '-r', "require '" . __DIR__ . "/../autoload.php'; $code"], [1 => ['pipe', 'w']], $pipes);
        $this->true(str_starts_with(fgets($pipes[1]), 'chat now has the members #'), 'the view');
        $this->true(str_ends_with(fgets($pipes[1]), " says hello\n"), 'the message');
        proc_terminate($p, 9);
        fclose($pipes[1]);
        proc_close($p);
    }
}
