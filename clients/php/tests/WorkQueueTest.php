<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\ConnectException;
use Gospread\WorkQueue\Internal\Message;
use Gospread\WorkQueue\JobCancelledException;
use Gospread\WorkQueue\JobFailedException;
use Gospread\WorkQueue\NotDoneException;
use Gospread\WorkQueue\NoWorkersException;
use Gospread\WorkQueue\QueueFullException;
use Gospread\WorkQueue\State;
use Gospread\WorkQueue\Stats;
use Gospread\WorkQueue\Status;
use Gospread\WorkQueue\Submitter;
use Gospread\WorkQueue\TooLargeException;
use Gospread\WorkQueue\UnknownJobException;

/** Submitters with workers that say what they are told; tests of the Go package workqueue have real ones. */
final class WorkQueueTest extends TestCase
{
    private const WAITING = "status\nid=ID\nstate=waiting\nattempt=0\nposition=2\n\n";
    private const RUNNING = "status\nid=ID\nstate=running\nattempt=2\npercent=40\non=#w#d\ntext=reading \xc3\xa9\n\n";
    private const RESULT = "status\nid=ID\nstate=done\nattempt=1\nsize=3\nparts=0\nresult=1\n\n";

    /** @var list<array{resource, array<int, resource>}> */
    private array $processes = [];

    public function tearDown(): void
    {
        parent::tearDown();
        foreach ($this->processes as [$process, $pipes]) {
            fclose($pipes[1]);
            proc_terminate($process, 9);
            proc_close($process);
        }
    }

    /**
     * Starts a worker, and returns what it prints.
     *
     * @param list<list<mixed>> $script
     *
     * @return resource
     */
    private function worker(string $queue, array $script, ?string $daemon = null): mixed
    {
        $process = proc_open([PHP_BINARY, __DIR__ . '/worker.php', $daemon ?? $this->daemon(), "wq-$queue", base64_encode(serialize($script))], [1 => ['pipe', 'w']], $pipes);
        $this->processes[] = [$process, $pipes];
        $this->same("ready\n", fgets($pipes[1]));
        return $pipes[1];
    }

    public function testPages(): void
    {
        $queue = self::unique('php');
        $out = $this->worker($queue, [[self::WAITING], [self::RUNNING], [self::RESULT . 'pdf'], [self::WAITING], ["queue\nworkers=2\ncapacity=3\nwaiting=4\nrunning=1\nended=5\n\n"]]);
        $page = new Submitter($this->daemon(), $queue);
        $id = $page->submit("a\nb", timeLimit: 1.5, maxAttempts: 2);
        $this->same("Safe submit id=$id max=2 limit=1500\n", fgets($out));
        $page->close();
        $page = new Submitter($this->daemon(), $queue);
        $status = $page->status($id);
        $this->same([State::Running, 40, "reading \u{e9}", '#w#d', 2], [$status->state, $status->percent, $status->text, $status->on, $status->attempt]);
        $this->same("Agreed query id=$id\n", fgets($out));
        $this->same('pdf', $page->result($id));
        $this->same("Agreed query id=$id result=1\n", fgets($out));
        $status = $page->cancel($id);
        $this->same([State::Waiting, 2, false], [$status->state, $status->position, $status->state->ended()]);
        $this->same("Agreed cancel id=$id\n", fgets($out));
        $this->true($page->stats() == new Stats(2, 3, 4, 1, 5), 'the numbers');
    }

    public function testEnds(): void
    {
        $queue = self::unique('php');
        $end = static fn (string $state) => ["status\nid=ID\nstate=$state\nattempt=1\ntext=why \xff\n\n"];
        $this->worker($queue, [$end('refused'), $end('failed'), $end('cancelled'), ["status\nid=ID\nstate=unknown\n\n"], [self::WAITING], $end('failed')]);
        $q = new Submitter($this->daemon(), $queue);
        $this->throws(QueueFullException::class, 0, static fn () => $q->submit('x'));
        $e = $this->throws(JobFailedException::class, 0, static fn () => $q->result('a'));
        $this->same(["job a: why \u{fffd}", State::Failed], [$e->getMessage(), $e->status->state]);
        $this->throws(JobCancelledException::class, 0, static fn () => $q->wait('a'));
        $this->throws(UnknownJobException::class, 0, static fn () => $q->result('a'));
        $this->throws(NotDoneException::class, 0, static fn () => $q->result('a'));
        $this->same('a', $q->submit('x', 'a')); // one that has ended already is no news to who submits it again
        $this->throws(TooLargeException::class, 0, static fn () => $q->submit(str_repeat('x', Submitter::MAX_PAYLOAD + 1)));
        $this->throws(\ValueError::class, 0, static fn () => $q->submit('x', 'a b'));
        $this->throws(\ValueError::class, 0, static fn () => $q->submit('x', timeLimit: 0.0));
        $this->throws(\ValueError::class, 0, static fn () => $q->submit('x', timeLimit: NAN));
        // Numbers that no worker would read become the largest.
        $this->same("wq1 x\nn=999999999999999\n\n", (new Message('x', ['n' => PHP_INT_MAX]))->encode());
        $this->throws(\ValueError::class, 0, static fn () => new Submitter('4803', 'a b'));
    }

    public function testWait(): void
    {
        $queue = self::unique('php');
        $this->worker($queue, [
            [self::WAITING, "progress\nid=ID\npercent=50\ntext=writing\n\n", "progress\nid=other\npercent=51\n\n", "done\nid=ID\nparts=0\nsize=3\n\npdf"],
            [self::RESULT . 'pdf'],
            ...array_fill(0, 10, [self::RUNNING]),
        ]);
        $q = new Submitter($this->daemon(), $queue);
        $told = [];
        $this->same('pdf', $q->wait('a', 10, static function (Status $s) use (&$told) {
            $told[] = [$s->state->value, $s->percent];
        }));
        $this->same([['waiting', 0], ['running', 50]], $told);
        $e = $this->throws(NotDoneException::class, 0, static fn () => $q->wait('a', 1.4));
        $this->same(40, $e->status->percent);
    }

    public function testLargeResult(): void
    {
        $queue = self::unique('php');
        $part = static fn (int $n) => ["part\nid=ID\nn=$n\n\n", 100000];
        $end = "status\nid=ID\nstate=done\nattempt=1\nsize=250000\nparts=3\nresult=1\n\n";
        // Pieces that are missing are asked for again.
        $this->worker($queue, [
            [$part(0), $part(2), $end],
            [$part(0), $part(0), $part(1), ["part\nid=ID\nn=2\n\n", 50000], $end],
            [strtr($end, ['250000' => '2500000'])],
        ]);
        $q = new Submitter($this->daemon(), $queue, maxResult: 300000);
        $this->same(str_repeat('x', 250000), $q->result('a'));
        $this->throws(TooLargeException::class, 0, static fn () => $q->result('a'));
    }

    public function testNoWorkers(): void
    {
        $q = new Submitter($this->daemon(), self::unique('php'), noWorkers: 0.05);
        $e = $this->throws(NoWorkersException::class, 0, static fn () => $q->submit('x', 'early'));
        $this->true(str_contains($e->getMessage(), 'is there a worker in group wq-php'), $e->getMessage());
        $this->throws(NoWorkersException::class, 0, $q->stats(...));
        $this->throws(ConnectException::class, -2, static fn () => (new Submitter('1@127.0.0.1', 'q'))->stats());
    }

    public function testDaemonRestarted(): void
    {
        $daemon = new RealDaemon(self::environment('SPREAD_TEST_SPREAD'));
        try {
            $this->worker('q', [[self::WAITING]], $daemon->name);
            $q = new Submitter($daemon->name, 'q', noWorkers: 10);
            $id = $q->submit('x');
            $daemon->kill();
            $daemon->start();
            $this->worker('q', [[self::RESULT . 'pdf']], $daemon->name);
            $this->same('pdf', $q->wait($id, 10));
            $daemon->kill();
            $e = $this->throws(NoWorkersException::class, 0, static fn () => $q->wait($id, 0.3));
            $this->true(str_contains($e->getMessage(), 'no connection'), $e->getMessage());
            $daemon->start();
        } finally {
            $daemon->end();
        }
    }

    public function testMessages(): void
    {
        foreach (['', "wq1 x", "wq2 x\n\n", "wq1 x\n", "wq1 X\n\n", "wq1 x\na\n\n", "wq1 x\na=1\na=2\n\n", "wq1 x\nA=1\n\n", 'wq1 ' . str_repeat('x', 17) . "\n\n", "wq1 x\na=" . str_repeat('b', 70000) . "\n\n"] as $bytes) {
            $this->same(null, Message::parse($bytes));
        }
        $m = Message::parse("wq1 x\na=1=\xff\nb=\nc=01\nd=7\n\n\ndata");
        $this->same(['x', "\ndata", '', ''], [$m->verb, $m->data, $m->get('b'), $m->get('z')]);
        $this->same([-1, -1, -1, 7, 9], array_map(static fn (string $k) => $m->number($k, 9), ['a', 'b', 'c', 'd', 'e']));
        $this->same("wq1 x\na=1=\xff\nb=\nc=01\nd=7\n\n\ndata", $m->encode());
        $this->same("wq1 x\na=1 2\n\n", (new Message('x', ['a' => "1\n2"]))->encode());
        $this->same('d', Message::parse("wq1 x\n\nd")->data);
    }
}
