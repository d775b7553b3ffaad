<?php

declare(strict_types=1);

namespace Gospread\Tests;

require_once __DIR__ . '/../compat/spread.php';

/** Programs in the style of those that were written for the old extensions. */
final class CompatTest extends TestCase
{
    public function testFunctions(): void
    {
        $this->true(function_exists('spread_connect'), 'programs ask for that');
        $conn = spread_connect($this->daemon(), 'averylongname');
        $this->true(is_resource($conn), spread_error());
        $g = [self::unique('g'), self::unique('h')];
        $this->same(true, spread_join($conn, $g));
        $this->same(5, spread_multicast($conn, $g[0], 'hello'));
        $this->same(5, spread_multicast($conn, $g, 'again', SP_SAFE_MESS, -3));
        $m = spread_receive($conn, -1);
        $this->same(['hello', [$g[0]], 1, SP_RELIABLE_MESS], [$m['message'], $m['groups'], $m['message_type'], $m['service_type']]);
        $this->true(str_starts_with($m['sender'], '#averylongn#'), $m['sender']);
        $m = spread_receive($conn, 10);
        $this->same(['again', $g, -3, SP_SAFE_MESS], [$m['message'], $m['groups'], $m['message_type'], $m['service_type']]);
        $this->same([false, 0, ''], [spread_receive($conn), spread_errno(), spread_error()]);
        $this->same(true, spread_disconnect($conn));
        $this->same([false, -11], [spread_receive($conn), spread_errno()]);
        $this->same([false, -11], [spread_multicast($conn, $g[0], 'x'), spread_errno()]);
    }

    public function testOtherOrder(): void
    {
        $other = spread_connect($this->daemon());
        $name = 'p' . bin2hex(random_bytes(4));
        $conn = spread_pconnect($this->daemon(), $name);
        $this->same($conn, spread_pconnect($this->daemon(), $name));
        $g = self::unique('g');
        $h = self::unique('h');
        $this->same([true, true], [spread_join($g), spread_join([$g, $h], $other)]);
        // Once that one has something of its own, which the order has behind its joins, it is in both groups.
        spread_multicast($h, 'joined', $other, 1, SP_AGREED_MESS);
        $this->same('joined', spread_receive($other, 10)['message']);
        $this->same(3, spread_multicast($g, 'one', $conn, 7, SP_AGREED_MESS));
        foreach ([$conn, $other] as $c) {
            $m = spread_receive($c, 10);
            $this->same(['one', 7, SP_AGREED_MESS], [$m['message'], $m['message_type'], $m['service_type']]);
        }
        $this->same(3, spread_multicast($g, 'two')); // in no order: not before the first has come
        $this->same('two', spread_receive(null, 10)['message']);
        $this->same([true, true, true], [spread_leave($g, $other), spread_close($other), spread_close()]);
    }

    /** A program that connects under a fixed name wherever it needs to, and lets go of it. */
    public function testDroppedResource(): void
    {
        $listener = spread_connect($this->daemon());
        $g = self::unique('g');
        spread_join($listener, $g);
        $send = function (string $text) use ($g): int|false {
            $c = spread_connect($this->daemon(), 'phplocal');
            return $c === false ? spread_errno() : spread_multicast($c, $g, $text);
        };
        $this->same([3, 3, 5], [$send('one'), $send('two'), $send('three')]);
        foreach (['one', 'two', 'three'] as $text) {
            $this->same($text, spread_receive($listener, 10)['message']);
        }
        // Not the last one: it ends with its variable.
        $a = spread_connect($this->daemon(), 'phpfirst');
        $b = spread_connect($this->daemon(), 'phpsecond');
        $a = null;
        $a = spread_connect($this->daemon(), 'phpfirst');
        $this->true(is_resource($a), spread_error());
        $this->same([true, true, true], [spread_close($a), spread_close($b), spread_close($listener)]);
    }

    public function testTheLastOneIsKept(): void
    {
        spread_connect($this->daemon(), 'phplast');
        $g = self::unique('g');
        $this->same([true, false, false], [spread_join($g), spread_connect('1@127.0.0.1'), spread_connect('1@127.0.0.1', 'phplast')]);
        $this->same(1, spread_multicast($g, 'x'));
        $this->same('x', spread_receive(null, 10)['message']);
        $c = spread_connect($this->daemon(), 'phplast');
        $this->true(is_resource($c), 'it takes the place of what nobody has');
        $this->same([false, -6], [spread_connect($this->daemon(), 'phplast'), spread_errno()]);
        $this->same([true, true], [spread_join($g), spread_leave($c, $g)], 'but of nothing that somebody has');
        spread_close($c);
    }

    public function testResourceIsForSelect(): void
    {
        $c = spread_connect($this->daemon());
        $g = self::unique('g');
        spread_join($c, $g);
        spread_multicast($c, $g, 'x');
        $r = [$c];
        $w = $e = null;
        $this->same([1, [$c]], [stream_select($r, $w, $e, 10), $r]);
        $this->same('x', spread_receive($c)['message']);
        fclose($c);
        $this->same([false, -11], [spread_receive($c), spread_errno()]);
        $file = fopen(__FILE__, 'r');
        $this->same([false, -11], [spread_join($file, $g), spread_errno()], 'another stream');
    }

    /** What is asked for at the end of a script is still done: the name is free when the script has ended. */
    public function testClosedAtTheEnd(): void
    {
        $program = 'require $argv[1]; $c = spread_connect($argv[2], "phpend1"); $s = new Spread($argv[2], "phpend2");
            register_shutdown_function(static fn () => spread_close($c));';
        for ($i = 0; $i < 5; $i++) {
            $process = proc_open([PHP_BINARY, '-r', $program, __DIR__ . '/../compat/spread.php', $this->daemon()], [1 => ['pipe', 'w']], $pipes);
            $this->same('', stream_get_contents($pipes[1]));
            $this->same(0, proc_close($process));
            $a = spread_connect($this->daemon(), 'phpend1');
            $b = spread_connect($this->daemon(), 'phpend2');
            $this->same([true, true], [is_resource($a) && spread_close($a), is_resource($b) && spread_close($b)], spread_error());
        }
    }

    /** A program that goes into the background: the connection is the child's when its parent ends. */
    public function testForkAndEnd(): void
    {
        if (!function_exists('pcntl_fork')) {
            throw new Skipped('there is no pcntl here');
        }
        $program = 'require $argv[1]; $c = spread_connect($argv[2]); $parent = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
            if (pcntl_fork() > 0) { fclose($parent[1]); exit; }
            fclose($parent[0]); fread($parent[1], 1);
            spread_join($c, "phpfork"); spread_multicast($c, "phpfork", "still"); echo spread_receive($c, 10)["message"] ?? spread_error();';
        $process = proc_open([PHP_BINARY, '-r', $program, __DIR__ . '/../compat/spread.php', $this->daemon()], [1 => ['pipe', 'w']], $pipes);
        $this->same('still', stream_get_contents($pipes[1]));
        proc_close($process);
        $c = spread_connect($this->daemon(), 'phpfork');
        $pid = pcntl_fork();
        if ($pid === 0) {
            $c = null;
            spread_connect($this->daemon());
            posix_kill(posix_getpid(), SIGKILL);
        }
        pcntl_waitpid($pid, $status);
        $this->same([true, 1], [spread_join($c, 'g'), spread_multicast($c, 'g', '1')]);
        $this->same('1', spread_receive($c, 10)['message'] ?? null);
        spread_close($c);
    }

    public function testErrors(): void
    {
        $this->same([false, -2], [spread_connect('1@127.0.0.1'), spread_errno()]);
        $this->true(spread_error() !== '', 'there is a text');
        $this->same([false, false, false, false], [spread_join(false, 'g'), spread_multicast(false, 'g', 'x'), spread_receive(false), spread_disconnect(false)]);
        $this->same(-11, spread_errno());
        $conn = spread_connect($this->daemon());
        $this->same([false, -14], [spread_join($conn, 'a b'), spread_errno()]);
        $this->same([false, -12], [spread_multicast($conn, 'g', 'x', SP_REGULAR_MESS), spread_errno()]);
        spread_disconnect($conn);
    }

    public function testViews(): void
    {
        $conn = spread_connect($this->daemon(), null, true);
        $g = self::unique('g');
        spread_join($conn, $g);
        $m = spread_receive($conn, 10);
        $this->same([$g, SP_REG_MEMB_MESS | SP_CAUSED_BY_JOIN, [$m['changed']]], [$m['sender'], $m['service_type'], $m['groups']]);
        spread_leave($conn, $g);
        $this->same([$g, SP_CAUSED_BY_LEAVE], array_values(array_intersect_key(spread_receive($conn, 10), ['sender' => 0, 'service_type' => 0])));
        spread_disconnect($conn);
    }

    public function testClass(): void
    {
        $s = new \Spread();
        $this->same([false, false], [$s->join('g'), $s->receive()]);
        $this->same(false, $s->connect('1@127.0.0.1'));
        $this->same(true, $s->connect($this->daemon()));
        $g = self::unique('g');
        $this->same([true, 5], [$s->join($g), $s->multicast($g, 'hello', \Spread::SAFE_MESS | \Spread::SELF_DISCARD)]);
        $s->multicast([$g], 'again');
        $this->same('again', $s->receive(10)['message']);
        $this->same([true, true, false], [$s->leave($g), $s->disconnect(), $s->disconnect()]);
    }

    public function testObjectEndsItsConnection(): void
    {
        $s = new \Spread($this->daemon(), 'phpobject');
        $this->same('#phpobject#', substr($s->private_group, 0, 11));
        if (function_exists('pcntl_fork')) {
            $child = pcntl_fork();
            if ($child === 0) {
                unset($s);
                posix_kill(posix_getpid(), SIGKILL);
            }
            pcntl_waitpid($child, $status);
            $g = self::unique('g');
            $this->same([true, 1], [$s->join($g), $s->multicast($g, '1')]);
            $this->same('1', $s->receive(10)['message'] ?? null);
        }
        $s = null;
        $s = new \Spread($this->daemon(), 'phpobject');
        $this->same(true, $s->connect($this->daemon()), 'another connection for the same object');
        $this->true((new \Spread($this->daemon(), 'phpobject'))->private_group !== '', 'the first has ended');
        $this->same(true, $s->disconnect());
    }
}
