<?php

declare(strict_types=1);

namespace Gospread;

use Gospread\Internal\Clock;
use Gospread\Internal\Single;

/**
 * A connection that is made again when it is lost, and joins its groups again. The
 * program is told by a Reconnected event that it has lost its place in the order.
 *
 *     $spread = new ReconnectingConnection(fn () => Connection::connect('4803', name: 'worker1'));
 *
 * @implements \IteratorAggregate<int, Event>
 */
final class ReconnectingConnection implements \IteratorAggregate
{
    use Single;

    /** Refusals that time does not heal. */
    private const FINAL = [ErrorCode::IllegalSpread, ErrorCode::RejectIllegalName, ErrorCode::RejectVersion, ErrorCode::RejectAuth];

    /** How many lost connections are kept for the events that they may have. */
    private const MAX_LOST = 8;

    private ?Connection $connection;
    /** Whether the program has not been told yet of the present connection. */
    private bool $announce = false;
    /** @var list<array{Connection, bool}> those before that may have events, and whether the program has not been told of them */
    private array $lost = [];
    private string $privateGroup;
    /** @var array<string, true> */
    private array $groups = [];
    private int $failed = 0;
    private float $nextTry = 0.0;
    private bool $closed = false;

    /**
     * Connects for the first time.
     *
     * @param \Closure(): Connection $connect     makes a connection; its timeout should be short
     * @param float                  $sendTimeout how long a send may wait for a new connection, in seconds
     * @param float                  $minDelay    between two attempts, in seconds; it doubles with each that fails, up to
     * @param float                  $maxDelay    this
     *
     * @throws SpreadException the first attempt failed
     */
    public function __construct(
        private readonly \Closure $connect,
        private readonly float $sendTimeout = 30.0,
        private readonly float $minDelay = 0.05,
        private readonly float $maxDelay = 5.0,
    ) {
        $this->connection = $connect();
        $this->privateGroup = $this->connection->privateGroup;
    }

    /** Returns the private group of the present connection, or of the last one. */
    public function privateGroup(): string
    {
        return $this->privateGroup;
    }

    /** Joins now, or with the next connection. @throws SpreadException */
    public function join(string $group): void
    {
        $this->groups[$group] = true;
        $this->unlessLost(static fn (Connection $c) => $c->join($group), $group);
    }

    /** @throws SpreadException */
    public function leave(string $group): void
    {
        unset($this->groups[$group]);
        $this->unlessLost(static fn (Connection $c) => $c->leave($group));
    }

    private function unlessLost(\Closure $do, string $group = ''): void
    {
        $this->check();
        try {
            if ($this->connection !== null) {
                $do($this->connection);
            }
        } catch (ConnectionClosedException) {
            $this->retire();
        } catch (SpreadException $e) {
            unset($this->groups[$group]);
            throw $e;
        }
    }

    /**
     * Sends as Connection::multicast() does. Without a connection it makes one first.
     *
     * @param string|list<string> $groups
     *
     * @throws ConnectionClosedException the connection was lost just now, and it is not known whether the message is
     *                                   delivered; or no new one could be made within the send timeout
     * @throws SpreadException
     */
    public function multicast(Service $service, string|array $groups, string $data, int $type = 0, bool $selfDiscard = false): int
    {
        $this->check();
        if ($this->connection === null && !$this->reconnect(Clock::now() + $this->sendTimeout)) {
            throw new ConnectionClosedException(ErrorCode::ConnectionClosed, "no connection within $this->sendTimeout seconds; the message has not been sent");
        }
        try {
            return $this->connection->multicast($service, $groups, $data, $type, $selfDiscard);
        } catch (ConnectionClosedException $e) {
            $this->retire();
            throw $e;
        }
    }

    /**
     * Returns the next event, or null if there is none within $timeout seconds (null: for ever), with or without a
     * connection. An attempt to connect that is under way then is finished first.
     * What had arrived before a loss comes first; a program that only sends and never receives finds that of the
     * last 8 connections.
     *
     * @throws SpreadException a new connection is refused for good, or IllegalSession after close()
     */
    public function receive(?float $timeout = null): ?Event
    {
        $this->check();
        $deadline = Clock::deadline($timeout);
        for (;;) {
            $event = $this->nextOfLost();
            if ($event !== null) {
                return $event;
            }
            if ($this->connection === null && !$this->reconnect($deadline)) {
                return null;
            }
            if ($this->announce) {
                $this->announce = false;
                return new Reconnected($this->connection->privateGroup);
            }
            try {
                return $this->connection->receive($deadline === null ? null : max(0.0, $deadline - Clock::now()));
            } catch (ConnectionClosedException|ProtocolException) {
                $this->retire();
            }
        }
    }

    /** @return \Generator<int, Event> as Connection::events() */
    public function events(?float $timeout = null): \Generator
    {
        while (($event = $this->receive($timeout)) !== null) {
            yield $event;
        }
    }

    public function getIterator(): \Generator
    {
        return $this->events();
    }

    public function close(float $linger = 1.0): void
    {
        $this->closed = true;
        $this->connection?->close($linger);
        $this->connection = null;
        while ($this->lost !== []) {
            $this->forget();
        }
    }

    private function check(): void
    {
        if ($this->closed) {
            throw new SpreadException(ErrorCode::IllegalSession);
        }
    }

    private function retire(): void
    {
        if ($this->connection === null) {
            return; // a handler of a signal has closed it
        }
        if (count($this->lost) === self::MAX_LOST) {
            $this->forget();
        }
        $this->lost[] = [$this->connection, $this->announce];
        $this->announce = false;
        $this->connection = null;
    }

    /** Gives up what the oldest of the lost connections may still have. */
    private function forget(): void
    {
        (array_shift($this->lost)[0] ?? null)?->abort();
    }

    /** Returns what is left of the lost connections, one after the other, each behind the news of it. */
    private function nextOfLost(): ?Event
    {
        while ($this->lost !== []) {
            [$connection, $announce] = $this->lost[0];
            if ($announce) {
                $this->lost[0][1] = false;
                return new Reconnected($connection->privateGroup);
            }
            try {
                $event = $connection->receive(0.0);
                if ($event !== null) {
                    return $event;
                }
            } catch (ConnectionClosedException|ProtocolException) {
            }
            $this->forget();
        }
        return null;
    }

    private function reconnect(?float $deadline): bool
    {
        for (;;) {
            $wait = $this->nextTry - Clock::now();
            if ($deadline !== null && $this->nextTry > $deadline) {
                $this->sleep($deadline - Clock::now());
                return false;
            }
            $this->sleep($wait);
            // Handlers of signals may close in the meantime.
            $this->check();
            try {
                $c = ($this->connect)();
                $this->check();
                foreach ($this->groups as $group => $_) {
                    $c->join((string) $group);
                }
                $this->connection = $c;
                $this->privateGroup = $c->privateGroup;
                $this->announce = true;
                $this->failed = 0;
                // One that is lost again at once is not made again at once.
                $this->nextTry = Clock::now() + $this->minDelay;
                return true;
            } catch (ConnectException|ConnectionClosedException $e) {
                if (in_array($e->error, self::FINAL, true)) {
                    throw $e;
                }
                $delay = min($this->maxDelay, $this->minDelay * 2 ** min($this->failed++, 30));
                $this->nextTry = Clock::now() + $delay * (0.5 + lcg_value() / 2);
            }
        }
    }

    private function sleep(float $seconds): void
    {
        if ($seconds > 0) {
            usleep((int) ceil($seconds * 1e6));
        }
    }
}
