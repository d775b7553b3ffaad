<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\Cause;
use Gospread\Connection;
use Gospread\Message;
use Gospread\RefusedException;
use Gospread\SelfLeave;
use Gospread\Service;
use Gospread\View;

/** With a real daemon. */
final class LiveTest extends TestCase
{
    public function testServices(): void
    {
        $a = $this->connect('phpa');
        $g = self::unique('g');
        $a->join($g);
        $this->next($a, View::class);
        foreach (Service::cases() as $i => $service) {
            $a->multicast($service, $g, "data $i", $i - 3);
            $m = $this->next($a, Message::class);
            $this->same([$service, "data $i", $i - 3, [$g], $a->privateGroup, false, false, 0], [$m->service, $m->data, $m->type, $m->groups, $m->sender, $m->selfDiscard, $m->endianMismatch, $m->flags]);
        }
        $a->close();
    }

    public function testViews(): void
    {
        $a = $this->connect();
        $b = $this->connect();
        $g = self::unique('g');
        $a->join($g);
        $v = $this->next($a, View::class);
        $this->same([$g, Cause::Join, [$a->privateGroup], 0, $a->privateGroup], [$v->group, $v->cause, $v->members, $v->index, $v->changed]);
        $b->join($g);
        foreach ([$a, $b] as $c) {
            $v = $this->next($c, View::class);
            $this->same([Cause::Join, $b->privateGroup, [[$b->privateGroup]], 0], [$v->cause, $v->changed, $v->sets, $v->ownSet]);
            $this->same($c->privateGroup, $v->members[$v->index]);
            $this->same(2, count($v->members));
        }
        $this->true($v->id->equals(clone $v->id), 'ids are equal by their words');
        $b->leave($g);
        $this->same($g, $this->next($b, SelfLeave::class)->group);
        $v = $this->next($a, View::class);
        $this->same([Cause::Leave, $b->privateGroup, [$a->privateGroup]], [$v->cause, $v->changed, $v->members]);
        $b->join($g);
        $this->next($a, View::class);
        $b->abort();
        $v = $this->next($a, View::class);
        $this->same([Cause::Disconnect, $b->privateGroup], [$v->cause, $v->changed]);
        $a->close();
    }

    public function testWithoutMembership(): void
    {
        $a = $this->connect(membership: false);
        $g = self::unique('g');
        $a->join($g);
        $a->multicast(Service::Agreed, $g, 'x');
        $this->same('x', $this->next($a, Message::class)->data);
        $a->close();
    }

    public function testGroups(): void
    {
        $a = $this->connect();
        $b = $this->connect();
        [$g, $h] = [self::unique('g'), self::unique('h')];
        $a->join($g);
        $a->join($h);
        $this->next($a, View::class);
        $this->next($a, View::class);
        // Once, to whoever is in several; self-discard is not for others.
        $groups = [$h, $g, $b->privateGroup, "nobody\xff"];
        $b->multicast(Service::Agreed, $groups, 'many', selfDiscard: true);
        $b->multicast(Service::Agreed, $a->privateGroup, 'one');
        $m = $this->next($a, Message::class);
        $this->same(['many', $groups, true], [$m->data, $m->groups, $m->selfDiscard]);
        $this->same('one', $this->next($a, Message::class)->data);
        $b->multicast(Service::Agreed, [$b->privateGroup, $b->privateGroup], 'self');
        $this->same('self', $this->next($b, Message::class)->data);
        $this->same(null, $b->receive(0));
        $a->multicast(Service::Agreed, array_fill(0, 100, $g), 'hundred');
        $this->same(100, count($this->next($a, Message::class)->groups));
        $a->close();
        $b->close();
    }

    public function testSizes(): void
    {
        $a = $this->connect();
        foreach ([0, 1, 1432, 65536, 143920] as $size) {
            $data = substr(str_repeat(implode('', array_map('chr', range(0, 255))), 563), 0, $size);
            $this->same($size, $a->multicast(Service::Safe, $a->privateGroup, $data));
            $this->true($this->next($a, Message::class)->data === $data, "$size bytes come back as they were");
        }
        $a->close();
    }

    public function testManyInOrder(): void
    {
        $a = $this->connect();
        for ($i = 0; $i < 900; $i++) {
            $a->multicast(Service::Agreed, $a->privateGroup, (string) $i);
        }
        $want = 0;
        foreach ($a->messages(10) as $m) {
            $this->same((string) $want, $m->data);
            if (++$want === 900) {
                break;
            }
        }
        $this->same(900, $want);
        $this->same([], iterator_to_array($a->events(0)));
        $a->close();
    }

    public function testNames(): void
    {
        $name = self::unique('p');
        $a = $this->connect(substr($name, -10));
        $this->throws(RefusedException::class, -6, fn () => $this->connect($a->name()));
        $a->close();
        // The name is free as soon as close() has returned.
        $b = $this->connect($a->name());
        $this->same($a->privateGroup, $b->privateGroup);
        $b->close();
    }

    public function testWhatWasSentBeforeCloseIsDelivered(): void
    {
        $a = $this->connect();
        for ($i = 0; $i < 20; $i++) {
            $b = $this->connect();
            $b->multicast(Service::Fifo, [$a->privateGroup, $b->privateGroup], "last $i");
            $i % 2 ? $b->close() : $b->abort();
            $this->same("last $i", $this->next($a, Message::class)->data);
        }
        $a->close();
    }

    public function testPollAndStream(): void
    {
        $a = $this->connect();
        $this->same([0, false], [$a->poll(), $a->ready()]);
        $a->multicast(Service::Agreed, $a->privateGroup, 'one');
        $a->multicast(Service::Agreed, $a->privateGroup, 'two');
        $r = [$a->stream()];
        $none = null;
        $this->same(1, stream_select($r, $none, $none, 10));
        $this->same('one', $a->receive()->data);
        while ($a->poll() < 83) {
            $r = [$a->stream()];
            stream_select($r, $none, $none, 10);
        }
        $this->same([83, true], [$a->poll(), $a->ready()]);
        $this->same('two', $a->receive(0)->data);
        $this->same([0, false], [$a->poll(), $a->ready()]);
        $a->close();
    }

    public function testUnixSocket(): void
    {
        $socket = self::environment('SPREAD_TEST_SOCKET');
        $byPath = Connection::connect("unix:$socket");
        $byPort = Connection::connect(basename($socket), socketDirs: ['/nonexistent', dirname($socket)]);
        $byPath->multicast(Service::Agreed, $byPort->privateGroup, 'x');
        $this->same($byPath->privateGroup, $this->next($byPort, Message::class)->sender);
        $byPath->close();
        $byPort->close();
    }

    public function testPortAloneFallsBackToTcp(): void
    {
        $c = Connection::connect(explode('@', $this->daemon())[0], socketDirs: ['/nonexistent']);
        $this->true(str_contains(stream_socket_get_name($c->stream(), true), ':'), 'it is TCP');
        $c->close();
    }

    public function testChildEndsWithoutHarm(): void
    {
        $a = $this->connect();
        $code = 'require $argv[1]; $c = Gospread\Connection::connect($argv[2]); if (pcntl_fork() === 0) { exit; } pcntl_wait($s);'
            . ' $c->multicast(Gospread\Service::Agreed, $argv[3], "still here"); $c->close();';
        $p = proc_open([PHP_BINARY, '-r', $code, '--', __DIR__ . '/../autoload.php', $this->daemon(), $a->privateGroup], [1 => STDERR], $pipes);
        $this->same('still here', $this->next($a, Message::class)->data);
        proc_close($p);
        $a->close();
    }
}
