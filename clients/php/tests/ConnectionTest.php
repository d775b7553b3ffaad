<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\ConnectionClosedException;
use Gospread\Message;
use Gospread\ProtocolException;
use Gospread\ReconnectingConnection;
use Gospread\Service;
use Gospread\SpreadException;

/** What happens with daemons that are slow, gone or out of their minds. */
final class ConnectionTest extends TestCase
{
    private static function message(string $data): string
    {
        return bin2hex(pack('Va32VVVa32', 0x80000090, '#a#d1', 1, 0x80000080, strlen($data), 'g') . $data);
    }

    public function testTimeoutLosesNothing(): void
    {
        $m = self::message('hello');
        $d = $this->accepting([['send', substr($m, 0, 150)], ['read', 80], ['send', substr($m, 150)], ['hang']]);
        $c = $this->me($d);
        $this->same(null, $c->receive(0.05));
        $this->same(null, $c->receive(0));
        for ($i = 0; $i < 10000 && $c->poll() < 75; $i++) { // it comes from another process
            usleep(1000);
        }
        $this->same(75, $c->poll());
        $this->same(false, $c->ready());
        $c->join('g');
        $this->same('hello', $this->next($c, Message::class)->data);
        $this->same(null, $c->receive(0));
    }

    public function testByteByByte(): void
    {
        $d = $this->accepting([['trickle', self::message('one') . self::message('')], ['hang']]);
        $c = $this->me($d);
        $this->same(['one', ''], [$this->next($c, Message::class)->data, $this->next($c, Message::class)->data]);
    }

    public function testLost(): void
    {
        $d = $this->accepting([['send', self::message('one') . self::message('two') . substr(self::message('half'), 0, 100)]]);
        $c = $this->me($d);
        $d->got();
        $this->same('one', $c->receive()->data);
        // The one that is half there will never be whole.
        $this->true($c->poll() > 80, 'the second message is there');
        $this->same('two', $c->receive()->data);
        for ($i = 0; $i < 2; $i++) {
            $this->throws(ConnectionClosedException::class, -8, static fn () => $c->receive());
            $this->throws(ConnectionClosedException::class, -8, static fn () => $c->receive(0));
            $this->throws(ConnectionClosedException::class, -8, static fn () => $c->poll());
            $this->throws(ConnectionClosedException::class, -8, static fn () => $c->join('g'));
            $this->throws(ConnectionClosedException::class, -8, static fn () => $c->multicast(Service::Safe, 'g', ''));
            $this->true($c->ready(), 'an error is ready');
        }
        $c->close();
        $c->close();
        $this->throws(SpreadException::class, -11, static fn () => $c->receive());
        $this->throws(SpreadException::class, -11, static fn () => $c->poll());
        $this->throws(SpreadException::class, -11, static fn () => $c->leave('g'));
    }

    public function testWhatArrivedComesBeforeTheError(): void
    {
        $d = $this->accepting([['send', self::message('one')]]);
        $c = $this->me($d);
        $d->got();
        $this->throws(ConnectionClosedException::class, -8, static function () use ($c) {
            for ($i = 0; $i < 1000; $i++) {
                $c->multicast(Service::Fifo, 'g', str_repeat('x', 100000));
            }
        });
        $this->same('one', $c->receive()->data);
        $this->throws(ConnectionClosedException::class, -8, static fn () => $c->receive());
    }

    public function testNonsense(): void
    {
        $d = $this->accepting([['send', self::message('one') . str_repeat('ff', 48)], ['hang']]);
        $c = $this->me($d);
        $this->same('one', $c->receive()->data);
        for ($i = 0; $i < 2; $i++) {
            $this->throws(ProtocolException::class, -13, static fn () => $c->receive());
            $this->throws(ProtocolException::class, -13, static fn () => $c->join('g'));
            $r = [$c->stream()];
            $none = null;
            $this->same(1, stream_select($r, $none, $none, 10), 'an event loop notices');
        }
    }

    public function testDaemonThatTakesNothing(): void
    {
        $c = $this->me($this->accepting([['stop']]), 0.1);
        $sent = 0;
        $e = null;
        try {
            for (;;) {
                $c->multicast(Service::Fifo, 'g', str_repeat('x', 1000));
                $sent++;
            }
        } catch (SpreadException $e) {
        }
        $this->true($sent > 10 && $sent < 1000000, "$sent messages went into the buffers");
        $this->true(in_array($e->getCode(), [-8, -25], true), $e->getMessage());
    }

    public function testBothSendAtOnce(): void
    {
        // The daemon reads nothing until all that it has to say is taken.
        $count = 300;
        $data = str_repeat('y', 30000);
        $d = $this->accepting([['send', self::message($data), $count / 10], ['read', $count * 30080], ['send', self::message('end')], ['hang']]);
        $c = $this->me($d);
        for ($i = 0; $i < $count; $i++) {
            $c->multicast(Service::Fifo, 'g', $data);
        }
        for ($i = 0; $i < $count / 10; $i++) {
            $this->same($data, $this->next($c, Message::class)->data);
        }
        $this->same('end', $this->next($c, Message::class)->data);
    }

    public function testArguments(): void
    {
        $c = $this->me($this->accepting([['hang']]));
        foreach (['', str_repeat('g', 32), 'a b', "\x80", 'a#b', "g\n"] as $group) {
            $this->throws(SpreadException::class, -14, static fn () => $c->join($group));
            $this->throws(SpreadException::class, -14, static fn () => $c->leave($group));
        }
        foreach (['', str_repeat('g', 32), "a\0", [], array_fill(0, 101, 'g'), ['g', '']] as $groups) {
            $this->throws(SpreadException::class, -14, static fn () => $c->multicast(Service::Safe, $groups, ''));
        }
        $this->throws(SpreadException::class, -17, static fn () => $c->multicast(Service::Safe, 'g', str_repeat('x', 143921)));
        $this->throws(SpreadException::class, -17, static fn () => $c->multicast(Service::Safe, ['g', 'h'], str_repeat('x', 143889)));
        $this->throws(\ValueError::class, 0, static fn () => $c->multicast(Service::Safe, 'g', '', 32768));
        $this->same(143920, $c->multicast(Service::Safe, 'g', str_repeat('x', 143920), -32768));
    }

    public function testKeysOfGroupsDoNotMatter(): void
    {
        $d = $this->accepting([['read', 112]]);
        $this->me($d)->multicast(Service::Safe, ['a' => 'g', 7 => 'h'], '');
        $this->same(pack('a32a32', 'g', 'h'), substr($d->got(), -64));
    }

    public function testNoCopies(): void
    {
        $c = $this->me($this->accepting([['hang']]));
        $r = new ReconnectingConnection(static fn () => $c);
        foreach ([$c, $r] as $one) {
            $this->throws(\LogicException::class, 0, static fn () => clone $one);
            $this->throws(\LogicException::class, 0, static fn () => serialize($one));
            $this->throws(\LogicException::class, 0, static fn () => unserialize(sprintf('O:%d:"%s":0:{}', strlen($one::class), $one::class)));
        }
        $this->same([0, false], [$c->poll(), $c->ready()], 'it is as it was');
        $c->close(0);
    }

    public function testAfterClose(): void
    {
        $c = $this->me($this->accepting([['send', self::message('hello')], ['hang']]));
        $this->true(is_resource($c->stream()), 'a stream');
        $this->next($c, Message::class);
        $c->close(0);
        $this->same(true, $c->ready(), 'receive() would throw at once');
        foreach ([static fn () => $c->receive(10), static fn () => $c->stream(), static fn () => $c->poll()] as $call) {
            $this->throws(SpreadException::class, -11, $call);
        }
    }

    public function testCloseWithSilentDaemon(): void
    {
        $c = $this->me($this->accepting([['read', 80], ['stop']]));
        $start = microtime(true);
        $c->close(0.05);
        $this->true(microtime(true) - $start < 5, 'it waits no longer than told');
    }

    public function testSignal(): void
    {
        if (!function_exists('pcntl_async_signals')) {
            throw new Skipped('no pcntl');
        }
        $c = $this->me($this->accepting([['hang']]));
        foreach ([false, true] as $async) {
            pcntl_async_signals($async);
            pcntl_signal(SIGALRM, static fn () => $c->close(0.0));
            pcntl_alarm(1);
            $this->throws(SpreadException::class, -11, static fn () => $c->receive());
            $c = $this->me($this->accepting([['hang']]));
        }
        pcntl_signal(SIGALRM, SIG_DFL);
    }
}
