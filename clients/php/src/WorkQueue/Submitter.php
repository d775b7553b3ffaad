<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

use Gospread\Connection;
use Gospread\ConnectException;
use Gospread\ConnectionClosedException;
use Gospread\Internal\Clock;
use Gospread\Message as SpreadMessage;
use Gospread\ProtocolException;
use Gospread\RefusedException;
use Gospread\Service;
use Gospread\SpreadException;
use Gospread\WorkQueue\Internal\Message;
use Gospread\WorkQueue\Internal\Parts;

/**
 * Hands in jobs to the workers of a queue, and gets their results; the workers are
 * programs in Python or Go.
 *
 *     $queue = new Submitter('4803', 'reports');
 *     $id = $queue->submit($xml);
 *
 * and on another page, any time later,
 *
 *     $status = $queue->status($id);
 *     if ($status->state === State::Done) {
 *         $pdf = $queue->result($id);
 *     }
 *
 * Jobs are held by the workers, so nothing is kept between pages but the id. A job
 * is done at least once, as long as one worker lives; see docs/workqueue.md.
 *
 * The connection is made at the first use, and again when it is lost. Methods
 * that need it throw a Gospread\ConnectException if there is no daemon at first, and
 * NoWorkersException if nobody answers, or the daemon stays away.
 */
final class Submitter
{
    /** The most that a job can carry, in bytes. What is larger is stored elsewhere, and its place is the payload. */
    public const MAX_PAYLOAD = Message::PART_SIZE;

    private const RETRY = 1.0;
    private const FIRST_POLL = 0.1;
    private const LAST_POLL = 1.0;
    private const RECONNECT = 0.1;

    private readonly string $group;
    private ?Connection $connection = null;
    /** Whether there has been one, so that losing it need not be the end. */
    private bool $connected = false;
    private ?SpreadException $lost = null;

    /**
     * @param string $daemon    as for Connection::connect
     * @param string $queue     1 to 28 characters from $ to ~ in ASCII
     * @param float  $noWorkers how long an answer of the workers is waited for, in seconds
     * @param int    $maxResult the largest result in bytes that is accepted
     * @param string $name      private name, as for Connection::connect
     */
    public function __construct(
        private readonly string $daemon,
        string $queue,
        private readonly float $noWorkers = 5.0,
        private readonly int $maxResult = 64 << 20,
        private readonly string $name = '',
    ) {
        if (preg_match('/^[$-~]{1,28}\z/', $queue) !== 1) {
            throw new \ValueError('a queue is named by 1 to 28 characters from $ to ~, without blanks');
        }
        $this->group = "wq-$queue";
    }

    /**
     * Hands in a job, and returns its id when the workers have accepted it: from then on it is done as long as one
     * worker lives.
     *
     * @param ?string $id          1 to 64 letters, digits, and . _ - ; null: a random one. A job that is submitted again
     *                             under its id is the same job, as long as the queue remembers it: a page that is loaded
     *                             again, or does not know whether the job was taken, may submit it again
     * @param int     $maxAttempts how often it is given to a worker, if workers are lost with it or ask for another try
     * @param ?float  $timeLimit   how long an attempt may take, in seconds; one that takes longer has failed and is
     *                             tried again
     *
     * @throws NoWorkersException|QueueFullException|TooLargeException|SpreadException
     */
    public function submit(string $payload, ?string $id = null, int $maxAttempts = 3, ?float $timeLimit = null): string
    {
        $id ??= bin2hex(random_bytes(16));
        $fields = ['id' => self::checked($id), 'max' => $maxAttempts];
        if ($maxAttempts < 1 || $timeLimit !== null && !($timeLimit > 0)) {
            throw new \ValueError("job $id: less than one attempt, or no time");
        }
        if (strlen($payload) > self::MAX_PAYLOAD) {
            throw new TooLargeException("job $id: the payload has " . strlen($payload) . ' bytes, at most ' . self::MAX_PAYLOAD . ' are allowed');
        }
        if ($timeLimit !== null) {
            $fields['limit'] = max(1, (int) round(min($timeLimit * 1000, Message::MAX_NUMBER)));
        }
        [$answer] = $this->ask($id, new Message('submit', $fields, $payload));
        if ($answer->get('state') === 'refused') {
            throw new QueueFullException("job $id: {$answer->text()}");
        }
        return $id;
    }

    /**
     * Asks the workers for a job that anybody has submitted.
     *
     * @throws NoWorkersException|SpreadException
     */
    public function status(string $id): Status
    {
        [$answer] = $this->ask($id, new Message('query', ['id' => self::checked($id)]));
        return $answer->status();
    }

    /**
     * Asks the workers for the result of a job that anybody has submitted.
     *
     * @throws NotDoneException|JobFailedException|JobCancelledException|UnknownJobException|TooLargeException
     * @throws NoWorkersException|SpreadException
     */
    public function result(string $id): string
    {
        [$answer, $result] = $this->ask($id, new Message('query', ['id' => self::checked($id), 'result' => 1]));
        return $result ?? throw self::ending($id, $answer->status());
    }

    /**
     * Waits until a job that anybody has submitted has ended, and returns its result.
     *
     * @param float                        $timeout  in seconds
     * @param ?callable(Status): mixed     $progress is told what is heard of the job
     *
     * @throws NotDoneException the time is over
     * @throws JobFailedException|JobCancelledException|UnknownJobException|TooLargeException
     * @throws NoWorkersException|SpreadException
     */
    public function wait(string $id, float $timeout = 60.0, ?callable $progress = null): string
    {
        $deadline = Clock::now() + $timeout;
        $query = new Message('query', ['id' => self::checked($id), 'result' => 1]);
        for ($poll = self::FIRST_POLL, $last = null;; $poll = min(2 * $poll, self::LAST_POLL)) {
            [$answer, $result] = $this->ask($id, $query, min($this->noWorkers, max(0.1, $deadline - Clock::now())));
            $status = $answer->status();
            if ($result !== null) {
                return $result;
            }
            if ($status->state->ended()) {
                throw self::ending($id, $status);
            }
            if ($progress !== null && $status != $last) {
                $progress($last = $status);
            }
            $next = min($deadline, Clock::now() + $poll);
            try {
                // If this connection has submitted the job, it is told news without asking.
                while ($this->connection !== null && ($found = $this->next($id, $next)) !== null) {
                    [$sender, $m] = $found;
                    if ($m->verb === 'progress' && $progress !== null) {
                        $progress($last = $m->status(State::Running, $sender));
                    } elseif ($m->verb === 'done' || $m->verb === 'status' && State::tryFrom($m->get('state'))?->ended()) {
                        continue 2; // the result comes with the answer to a question
                    }
                }
            } catch (ConnectionClosedException|ProtocolException $e) {
                $this->drop($e);
            }
            if (Clock::now() >= $deadline) {
                throw new NotDoneException("job $id has not ended within $timeout s", $status);
            }
        }
    }

    /**
     * Asks the workers to drop a job, and returns what has become of it: one that runs goes on until its worker has
     * noticed.
     *
     * @throws NoWorkersException|SpreadException
     */
    public function cancel(string $id): Status
    {
        [$answer] = $this->ask($id, new Message('cancel', ['id' => self::checked($id)]));
        return $answer->status();
    }

    /**
     * Asks the workers about the queue.
     *
     * @throws NoWorkersException|SpreadException
     */
    public function stats(): Stats
    {
        [$m] = $this->ask('', new Message('info'));
        return new Stats(...array_map($m->number(...), ['workers', 'capacity', 'waiting', 'running', 'ended']));
    }

    /** Ends the connection. The jobs are done all the same. A later call of another method connects again. */
    public function close(): void
    {
        $this->connection?->close();
        $this->connection = null;
        $this->connected = false;
    }

    private static function checked(string $id): string
    {
        if (preg_match('/^[A-Za-z0-9._-]{1,64}\z/', $id) !== 1) {
            throw new \ValueError('a job is named by 1 to 64 letters, digits, and . _ -');
        }
        return $id;
    }

    private static function ending(string $id, Status $status): WorkQueueException
    {
        $because = static fn (string $text) => "job $id: " . ($status->text === '' ? $text : $status->text);
        return match ($status->state) {
            State::Failed => new JobFailedException($because('it has failed'), $status),
            State::Cancelled => new JobCancelledException($because('it was cancelled'), $status),
            State::Unknown => new UnknownJobException("job $id: no worker knows it, or any more", $status),
            default => new NotDoneException("job $id: it is {$status->state->value}", $status),
        };
    }

    /**
     * Sends until there is an answer.
     *
     * @return array{Message, ?string} the answer, and the result if it was asked for and is there
     */
    private function ask(string $id, Message $m, ?float $patience = null): array
    {
        $patience ??= $this->noWorkers;
        // When a worker says that it has a job, the daemons of all others hold it.
        $service = $m->verb === 'submit' ? Service::Safe : Service::Agreed;
        $heard = Clock::now();
        do {
            try {
                $parts = new Parts($this->maxResult);
                $this->connection()->multicast($service, $this->group, $m->encode(), Message::TYPE);
                $sent = Clock::now();
                while (($found = $this->next($id, min($heard + $patience, max($sent, $heard) + self::RETRY))) !== null) {
                    [$sender, $answer] = $found;
                    if ($answer->verb === 'part') {
                        $parts->add($sender, $answer);
                        $heard = Clock::now();
                    } elseif (self::answers($m, $answer)) {
                        $result = $answer->number('result') === 1 ? $parts->result($sender, $answer) : null;
                        if ($result !== null || $m->number('result') !== 1 || $answer->get('state') !== State::Done->value) {
                            return [$answer, $result];
                        }
                        // Pieces are missing, or it answers another question.
                    }
                }
            } catch (ConnectionClosedException|ProtocolException $e) {
                $this->drop($e);
            } catch (RefusedException|ConnectException $e) {
                if (!$this->connected) {
                    throw $e;
                }
                $this->drop($e);
            }
            if ($this->connection === null) {
                usleep((int) (self::RECONNECT * 1e6));
            }
        } while (Clock::now() < $heard + $patience);
        $what = $id === '' ? 'a question' : "job $id: the {$m->verb}";
        throw new NoWorkersException(
            sprintf('%s was not answered within %.3g s: ', $what, $patience) . ($this->lost === null
                ? "is there a worker in group $this->group?"
                : "there is no connection to the daemon: {$this->lost->getMessage()}"),
            null,
            $this->lost,
        );
    }

    private static function answers(Message $question, Message $m): bool
    {
        return match ($m->verb) {
            'queue' => $question->verb === 'info',
            'status' => $question->verb === 'submit' || $question->verb !== 'info' && $m->get('state') !== 'refused',
            default => false,
        };
    }

    /**
     * Waits for the next message about a job, '' for the queue. Null: there was none until then.
     *
     * @return ?array{string, Message} the sender, and the message
     */
    private function next(string $id, float $until): ?array
    {
        while (($event = $this->connection?->receive(max(0.0, $until - Clock::now()))) !== null) {
            if ($event instanceof SpreadMessage && $event->type === Message::TYPE) {
                $m = Message::parse($event->data);
                if ($m !== null && $m->get('id') === $id) {
                    return [$event->sender, $m];
                }
            }
        }
        return null;
    }

    private function connection(): Connection
    {
        if ($this->connection === null) {
            $this->connection = Connection::connect($this->daemon, $this->name, membership: false, timeout: max(1.0, $this->noWorkers));
            $this->connected = true;
            $this->lost = null;
        }
        return $this->connection;
    }

    private function drop(SpreadException $why): void
    {
        $this->connection?->abort();
        $this->connection = null;
        $this->lost = $why;
    }
}
