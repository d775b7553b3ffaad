<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\Connection;
use Gospread\ConnectException;
use Gospread\ConnectionClosedException;
use Gospread\Event;
use Gospread\Message;
use Gospread\Reconnected;
use Gospread\ReconnectingConnection;
use Gospread\RefusedException;
use Gospread\Service;
use Gospread\SpreadException;
use Gospread\View;

final class ReconnectingTest extends TestCase
{
    private const ACCEPT = [['read', 7], ['send', '054e554c4c20'], ['read', 90], ['send', '010500010623' . '6d65236431']];

    /** @param list<FakeDaemon> $daemons the next one for each connection; behind the last nobody answers */
    private function over(array $daemons, float $sendTimeout = 10.0): ReconnectingConnection
    {
        $connect = static function () use (&$daemons) {
            return Connection::connect(array_shift($daemons)->name ?? '1@127.0.0.1', 'me');
        };
        return new ReconnectingConnection($connect, $sendTimeout, 0.001, 0.01);
    }

    public function testDaemonRestarted(): void
    {
        $daemon = new RealDaemon(self::environment('SPREAD_TEST_SPREAD'));
        try {
            $c = new ReconnectingConnection(static fn () => Connection::connect($daemon->name, 'me'), 20.0, 0.01, 0.1);
            $c->join('g');
            $c->join('h');
            $c->leave('h');
            $c->multicast(Service::Agreed, 'g', 'before');
            $before = [];
            foreach ($c->events(10) as $e) {
                $before[] = $e::class;
                if ($e instanceof Message) {
                    break;
                }
            }
            $this->true(in_array(View::class, $before, true), 'there was a view');
            $daemon->kill();
            $this->same(null, $c->receive(0.05));
            $daemon->start();
            $this->same(Reconnected::class, $c->receive(20)::class);
            $v = $c->receive(10);
            $this->same(['g', [$c->privateGroup()]], [$v->group, $v->members]);
            $daemon->kill();
            // A program that only sends: the message under way is in doubt, then there is a new connection.
            try {
                while ($c->multicast(Service::Agreed, 'g', 'lost')) {
                }
            } catch (ConnectionClosedException) {
            }
            $daemon->start();
            $c->multicast(Service::Agreed, 'g', 'after');
            $got = [];
            while (($e = $c->receive(10)) !== null && !($e instanceof Message && $e->data === 'after')) {
                $got[] = $e;
            }
            $this->same('after', $e?->data);
            $this->true((bool) array_filter($got, static fn (Event $e) => $e instanceof Reconnected), 'the program is told');
            $c->close();
            $this->throws(SpreadException::class, -11, static fn () => $c->receive(1));
        } finally {
            $daemon->end();
        }
    }

    public function testWhatHadArrivedComesFirst(): void
    {
        $m = bin2hex(pack('Va32VVV', 0x80000280, 'g', 0, 0x80000080, 0));
        $c = $this->over([
            $this->fake([...self::ACCEPT, ['send', $m . $m]]),
            $this->fake([...self::ACCEPT, ['hang']]),
        ]);
        $first = $c->receive(10);
        $this->meetLoss($c);
        $c->multicast(Service::Fifo, 'g', 'x');
        $this->same(['g', 'g', Reconnected::class, null], [$first->group, $c->receive(10)->group, $c->receive(10)::class, $c->receive(0)]);
    }

    /** Two losses that only senders met: what had come on each connection is received, in order, and the program is told of each. */
    public function testSeveralLossesWithoutReceiving(): void
    {
        $m = static fn (string $group) => bin2hex(pack('Va32VVV', 0x80000280, $group, 0, 0x80000080, 0));
        $c = $this->over([
            $this->fake([...self::ACCEPT, ['send', $m('one')]]),
            $this->fake([...self::ACCEPT, ['send', $m('two')]]),
            $this->fake([...self::ACCEPT, ['send', $m('three')], ['hang']]),
        ]);
        $this->meetLoss($c);
        $this->meetLoss($c);
        $c->multicast(Service::Fifo, 'g', 'x');
        $got = [];
        for ($i = 0; $i < 5; $i++) {
            $e = $c->receive(10);
            $got[] = $e->group ?? $e::class;
        }
        $this->same(['one', Reconnected::class, 'two', Reconnected::class, 'three'], $got);
        $c->close(0);
    }

    /** A program that only sends, again and again, keeps no more than the last connections. */
    public function testWhatIsKeptIsBounded(): void
    {
        $m = static fn (string $group) => bin2hex(pack('Va32VVV', 0x80000280, $group, 0, 0x80000080, 0));
        $names = array_map(static fn (int $i) => "g$i", range(1, 10));
        $c = $this->over(array_map(fn (string $name) => $this->fake([...self::ACCEPT, ['send', $m($name)]]), $names));
        foreach ($names as $_) {
            $this->meetLoss($c);
        }
        $got = [];
        while (($e = $c->receive(0)) !== null) {
            $got[] = $e->group ?? '';
        }
        $this->same(array_slice($names, 2), array_values(array_filter($got)));
    }

    private function meetLoss(ReconnectingConnection $c): void
    {
        $this->throws(ConnectionClosedException::class, -8, static function () use ($c) {
            for ($i = 0; $i < 1000; $i++) {
                $c->multicast(Service::Fifo, 'g', str_repeat('x', 100000));
            }
        });
    }

    public function testLongestPause(): void
    {
        $longest = array_column((new \ReflectionMethod(ReconnectingConnection::class, '__construct'))->getParameters(), null, 'name')['maxDelay'];
        $this->same(5.0, $longest->getDefaultValue());
    }

    public function testNobodyAnswers(): void
    {
        $this->throws(ConnectException::class, -2, fn () => $this->over([]));
        $d = $this->fake(self::ACCEPT);
        $c = $this->over([$d], 0.05);
        $d->got(); // it has closed the connection
        $this->same(null, $c->receive(0.05));
        $this->throws(ConnectionClosedException::class, -8, static fn () => $c->multicast(Service::Fifo, 'g', 'x'));
        $c->join('later');
        $c->leave('later');
        $this->same(null, $c->receive(0));
    }

    public function testNameStillInUse(): void
    {
        $c = $this->over([
            $this->fake(self::ACCEPT),
            $this->fake([['read', 7], ['send', 'fa']]),
            $this->fake([['read', 7]]),
            $this->fake([...self::ACCEPT, ['hang']]),
        ]);
        $this->same(Reconnected::class, $c->receive(10)::class);
    }

    public function testClosedWhileItConnects(): void
    {
        $daemons = [$this->fake(self::ACCEPT), $this->fake(self::ACCEPT)];
        $c = null;
        $c = new ReconnectingConnection(static function () use (&$daemons, &$c) {
            $c?->close();
            return Connection::connect(array_shift($daemons)->name, 'me');
        });
        $this->throws(SpreadException::class, -11, static fn () => $c->receive(10));
    }

    public function testRefusedForGood(): void
    {
        $c = $this->over([$this->fake(self::ACCEPT), $this->fake([['read', 7], ['send', 'f7']])]);
        $this->throws(RefusedException::class, -9, static fn () => $c->receive(10));
    }
}
