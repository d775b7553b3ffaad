<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\ConnectException;
use Gospread\Connection;
use Gospread\ConnectionClosedException;
use Gospread\RefusedException;

final class HandshakeTest extends TestCase
{
    private const NULL = '054e554c4c20';

    public function testBytes(): void
    {
        $d = $this->accepting([]);
        $c = $this->me($d);
        $this->same('#me#d1 5.0.1 me d1', "$c->privateGroup $c->daemonVersion {$c->name()} {$c->daemonName()}");
        $this->same("\5\0\1\1\2me" . str_pad('NULL', 90, "\0"), $d->got());

        $d = $this->fake([['read', 5], ['send', self::NULL], ['read', 90], ['send', '01050001022378']]);
        $c = Connection::connect($d->name, membership: false, priority: true);
        $this->same("\5\0\1\x10\0", substr($d->got(), 0, 5));
        $this->same(['#x', 'x', ''], [$c->privateGroup, $c->name(), $c->daemonName()]);
    }

    public function testByteByByte(): void
    {
        $view = pack('Va32VVV', 0x80000280, 'g', 0, 0x80000080, 0);
        $d = $this->fake([
            ['read', 7],
            ['trickle', self::NULL],
            ['read', 90],
            ['trickle', '0105000106' . bin2hex("#me#d1$view")],
        ]);
        $this->same('g', $this->me($d)->receive(10)->group);
    }

    public function testMessagesBehindTheAccept(): void
    {
        $view = pack('Va32VVV', 0x80000280, 'g', 0, 0x80000080, 0);
        $d = $this->fake([['read', 7], ['send', self::NULL], ['read', 90], ['send', '0105000106' . bin2hex("#me#d1$view$view")]]);
        $c = $this->me($d);
        $this->same(['g', 'g'], [$c->receive(10)->group, $c->receive(10)->group]);
        $this->throws(ConnectionClosedException::class, -8, static fn () => $c->receive(10));
    }

    public function testRefusals(): void
    {
        foreach ([-3, -4, -5, -6, -7, -9] as $code) {
            $byte = bin2hex(chr($code & 0xff));
            $d = $this->fake([['read', 7], ['send', $byte]]);
            $this->throws(RefusedException::class, $code, fn () => $this->me($d));
            $d = $this->fake([['read', 7], ['send', self::NULL], ['read', 90], ['send', $byte]]);
            $this->throws(RefusedException::class, $code, fn () => $this->me($d));
            // At once, unread input and all: a reset.
            $d = $this->fake([['send', $byte]]);
            $this->throws(RefusedException::class, $code, fn () => $this->me($d));
        }
        $d = $this->fake([['read', 7], ['send', '00f7']]);
        $this->throws(RefusedException::class, -9, fn () => $this->me($d));
    }

    public function testBytesThatAreNoRefusal(): void
    {
        foreach (['80', 'f8', 'fe', 'ff', 'f6'] as $byte) {
            $d = $this->fake([['read', 7], ['send', $byte]]);
            $this->throws(ConnectionClosedException::class, -8, fn () => $this->me($d));
        }
        $d = $this->fake([['read', 7], ['send', self::NULL], ['read', 90], ['send', '02']]);
        $this->throws(ConnectionClosedException::class, -8, fn () => $this->me($d));
        foreach (['20' . str_repeat('61', 32), '00'] as $private) {
            $d = $this->fake([['read', 7], ['send', self::NULL], ['read', 90], ['send', "01050001$private"]]);
            $this->throws(ConnectionClosedException::class, -8, fn () => $this->me($d));
        }
    }

    public function testBrokenOff(): void
    {
        $steps = [['read', 7], ['send', '054e'], ['send', '554c4c20'], ['read', 90], ['send', '0105'], ['send', '000106' . '2361']];
        for ($n = 0; $n <= count($steps); $n++) {
            $d = $this->fake(array_slice($steps, 0, $n));
            $this->throws(ConnectionClosedException::class, -8, fn () => $this->me($d));
        }
    }

    public function testSilence(): void
    {
        foreach ([[], [['send', '054e']], [['send', self::NULL], ['read', 90], ['send', '0105']]] as $steps) {
            $d = $this->fake([['read', 7], ...$steps, ['hang']]);
            $start = microtime(true);
            $this->throws(ConnectionClosedException::class, -8, static fn () => Connection::connect($d->name, 'me', timeout: 0.1));
            $this->true(microtime(true) - $start < 5, 'the timeout holds');
        }
    }

    public function testMethods(): void
    {
        $offering = fn (string $list) => $this->fake([
            ['read', 7], ['send', bin2hex(chr(strlen($list)) . $list)], ['read', 90], ['send', '0105000106' . bin2hex('#me#d1')],
        ]);
        foreach ([['NULL IP ', ['NULL']], ['IP NULL ', ['NULL']], ['IP ', ['IP']], ['NULL IP ', ['NULL', 'IP']]] as [$list, $auth]) {
            $d = $offering($list);
            Connection::connect($d->name, 'me', auth: $auth);
            $this->same(pack('a30a60', $auth[0], $auth[1] ?? ''), substr($d->got(), 7));
        }
        foreach ([['IP ', ['NULL']], ['PWORD ', ['NULL']], ['NULL ', ['NULL', 'IP']]] as [$list, $auth]) {
            $e = $this->throws(RefusedException::class, -9, static fn () => Connection::connect($offering($list)->name, 'me', auth: $auth));
            $this->true(str_contains($e->getMessage(), trim($list)), $e->getMessage());
        }
        foreach ([[], [''], ['A B'], [str_repeat('A', 30)], ['A', 'B', 'C', 'D']] as $auth) {
            $this->throws(RefusedException::class, -9, static fn () => Connection::connect('1@127.0.0.1', 'me', auth: $auth));
        }
    }

    public function testReleases(): void
    {
        foreach (['020900', '000000', '800000', '05ff00'] as $version) {
            $d = $this->accepting([], $version);
            $this->throws(RefusedException::class, -7, fn () => $this->me($d));
        }
        $this->same('3.1.0', (string) $this->me($this->accepting([], '030100'))->daemonVersion);
    }

    public function testNames(): void
    {
        foreach (['elevenbytes', 'a b', 'a#b', "\x80", "\0", '!'] as $name) {
            $this->throws(RefusedException::class, -5, static fn () => Connection::connect('1@127.0.0.1', $name));
        }
    }

    public function testNobodyThere(): void
    {
        $this->throws(ConnectException::class, -2, static fn () => Connection::connect('1@127.0.0.1'));
        $this->throws(ConnectException::class, -2, static fn () => Connection::connect('unix:/nonexistent/socket'));
        $e = $this->throws(ConnectException::class, -2, static fn () => Connection::connect('1', socketDirs: ['/nonexistent']));
        $this->true(str_contains($e->getMessage(), '/nonexistent/1'), $e->getMessage());
    }

    public function testSocketDirectories(): void
    {
        $dir = sys_get_temp_dir() . '/' . self::unique('spread-php-');
        mkdir($dir);
        $path = "$dir/5811";
        $server = stream_socket_server("unix://$path");
        try {
            // Nobody answers, but somebody takes the connection.
            $this->throws(ConnectionClosedException::class, -8, static fn () => Connection::connect('5811', timeout: 0.1, socketDirs: ['/nonexistent', $dir]));
            $this->same("\5\0\1\1\0", fread(stream_socket_accept($server, 0), 100));
        } finally {
            fclose($server);
            unlink($path);
            rmdir($dir);
        }
    }
}
