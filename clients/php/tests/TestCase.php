<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\Connection;
use Gospread\Event;
use Gospread\SpreadException;

/** A test that cannot be run here. */
final class Skipped extends \Exception
{
}

/** What the tests have in common. Each method test... is one. */
abstract class TestCase
{
    public static int $assertions = 0;
    /** @var list<FakeDaemon> */
    private array $fakes = [];
    private static int $names = 0;

    public function tearDown(): void
    {
        foreach ($this->fakes as $fake) {
            $fake->end();
        }
        $this->fakes = [];
    }

    protected function same(mixed $want, mixed $got, string $what = ''): void
    {
        self::$assertions++;
        if ($want !== $got) {
            throw new \Exception(trim("$what: want " . self::show($want) . ', got ' . self::show($got), ': '));
        }
    }

    protected function true(bool $got, string $what): void
    {
        $this->same(true, $got, $what);
    }

    private static function show(mixed $v): string
    {
        return substr(is_string($v) ? json_encode($v, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES) : print_r($v, true), 0, 2000);
    }

    /**
     * @param class-string<\Throwable> $class
     */
    protected function throws(string $class, int $code, \Closure $do): \Throwable
    {
        try {
            $do();
        } catch (\Throwable $e) {
            $this->same([$class, $code], [$e::class, $e->getCode()], $e->getMessage());
            return $e;
        }
        throw new \Exception("nothing was thrown, want $class with code $code");
    }

    /**
     * @template T of Event
     *
     * @param class-string<T> $class
     *
     * @return T
     */
    protected function next(Connection $c, string $class): Event
    {
        $event = $c->receive(10);
        $this->same($class, $event === null ? 'timeout' : $event::class);
        return $event;
    }

    /** @param list<list<mixed>> $steps */
    protected function fake(array $steps): FakeDaemon
    {
        return $this->fakes[] = new FakeDaemon($steps);
    }

    /** A daemon that accepts the client "me" and goes on with these steps. @param list<list<mixed>> $steps */
    protected function accepting(array $steps, string $version = '050001'): FakeDaemon
    {
        return $this->fake([
            ['read', 7],
            ['send', '05' . bin2hex('NULL ')],
            ['read', 90],
            ['send', "01{$version}06" . bin2hex('#me#d1')],
            ...$steps,
        ]);
    }

    protected function me(FakeDaemon $d, float $sendTimeout = 30.0): Connection
    {
        return Connection::connect($d->name, 'me', sendTimeout: $sendTimeout);
    }

    protected function daemon(): string
    {
        return self::environment('SPREAD_TEST_DAEMON');
    }

    protected static function environment(string $name): string
    {
        $value = getenv($name);
        if ($value === false || $value === '') {
            throw new Skipped("$name is not set");
        }
        return $value;
    }

    protected function connect(string $name = '', bool $membership = true): Connection
    {
        return Connection::connect($this->daemon(), $name, $membership);
    }

    /** A name that no other test uses. */
    protected static function unique(string $prefix): string
    {
        return $prefix . getmypid() % 100000 . 'x' . ++self::$names;
    }
}
