<?php

declare(strict_types=1);

namespace Gospread;

use Gospread\Internal\Clock;

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
    /** Refusals that time does not heal. */
    private const FINAL = [ErrorCode::IllegalSpread, ErrorCode::RejectIllegalName, ErrorCode::RejectVersion, ErrorCode::RejectAuth];

    private ?Connection $connection;
    /** The connection before, as long as it may have events. */
    private ?Connection $old = null;
    private bool $announce = false;
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
        private readonly float $maxDelay = 2.0,
    ) {
        $this->connection = $connect();
    }

    /** Returns the private group of the present connection, or of the last one. */
    public function privateGroup(): string
    {
        return ($this->connection ?? $this->old)->privateGroup ?? '';
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
     *
     * @throws SpreadException a new connection is refused for good, or IllegalSession after close()
     */
    public function receive(?float $timeout = null): ?Event
    {
        $this->check();
        $deadline = Clock::deadline($timeout);
        for (;;) {
            $event = $this->lastOfOld();
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
        $this->connection = $this->old = null;
    }

    private function check(): void
    {
        if ($this->closed) {
            throw new SpreadException(ErrorCode::IllegalSession);
        }
    }

    private function retire(): void
    {
        $this->old = $this->connection;
        $this->connection = null;
    }

    private function lastOfOld(): ?Event
    {
        if ($this->old !== null) {
            try {
                $event = $this->old->receive(0.0);
                if ($event !== null) {
                    return $event;
                }
            } catch (ConnectionClosedException|ProtocolException) {
            }
            $this->old->abort();
            $this->old = null;
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
