<?php

declare(strict_types=1);

// Runs the tests: php tests/run.php [word of the name]. Those that need a daemon
// take it from SPREAD_TEST_DAEMON (PORT@127.0.0.1), SPREAD_TEST_SOCKET (its Unix
// socket) and SPREAD_TEST_SPREAD (its program), and are skipped without.

use Gospread\Tests\Skipped;
use Gospread\Tests\TestCase;

require __DIR__ . '/../autoload.php';
require __DIR__ . '/TestCase.php';
require __DIR__ . '/FakeDaemon.php';
require __DIR__ . '/RealDaemon.php';

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $text, string $file, int $line): bool {
    // As frameworks do: what is not silenced is an error.
    if (error_reporting() & $level) {
        throw new ErrorException($text, 0, $level, $file, $line);
    }
    return false;
});

$ran = $skipped = $failed = 0;
foreach (glob(__DIR__ . '/*Test.php') as $file) {
    require $file;
    $class = 'Gospread\\Tests\\' . basename($file, '.php');
    foreach (get_class_methods($class) as $method) {
        $name = basename($file, '.php') . " $method";
        if (!str_starts_with($method, 'test') || !str_contains($name, $argv[1] ?? '')) {
            continue;
        }
        $test = new $class();
        try {
            $before = TestCase::$assertions;
            $test->$method();
            if (TestCase::$assertions === $before) {
                throw new Exception('it asserts nothing');
            }
            $ran++;
        } catch (Skipped $e) {
            $skipped++;
            echo "SKIP $name: {$e->getMessage()}\n";
        } catch (Throwable $e) {
            $failed++;
            echo "FAIL $name: {$e->getMessage()}\n", preg_replace('/^/m', '    ', $e->getTraceAsString()), "\n";
        } finally {
            $test->tearDown();
        }
    }
}
echo "$ran tests passed, $failed failed, $skipped skipped; ", TestCase::$assertions, " assertions\n";
exit($failed > 0 || $ran === 0 ? 1 : 0);
