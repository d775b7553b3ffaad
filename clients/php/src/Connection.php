<?php

declare(strict_types=1);

namespace Gospread;

use Gospread\Internal\Clock;
use Gospread\Internal\DaemonName;
use Gospread\Internal\Decoder;
use Gospread\Internal\Handshake;
use Gospread\Internal\Protocol;
use Gospread\Internal\Single;
use Gospread\Internal\Transport;

/**
 * A connection to a daemon: one client of the group system.
 *
 *     $spread = Connection::connect('4803', name: 'web1');
 *     $spread->join('chat');
 *     $spread->multicast(Service::Agreed, 'chat', 'hello');
 *     foreach ($spread as $event) {
 *         if ($event instanceof Message) {
 *             echo "$event->sender says $event->data\n";
 *         }
 *     }
 *
 * When the connection is lost, receive() first returns what had arrived, then it
 * throws ConnectionClosedException, as every other call does from then on.
 *
 * @implements \IteratorAggregate<int, Event>
 */
final class Connection implements \IteratorAggregate
{
    use Single;

    /** Where the Unix sockets of daemons are: those of services of the system first. */
    public const SOCKET_DIRS = ['/run/spread', '/tmp'];

    /** How much is read ahead while a send has to wait, in bytes. */
    private const READ_AHEAD = 1 << 20;

    /** Why nothing can be sent any more. */
    private ?SpreadException $sendFailure = null;
    /** Why nothing can be received any more, but for what has arrived. */
    private ?SpreadException $receiveFailure = null;

    private function __construct(
        /** The private group, #name#daemon, under which others see this client and can send to it. */
        public readonly string $privateGroup,
        /** What the daemon says that it is. */
        public readonly Version $daemonVersion,
        /** Whether views are received. */
        public readonly bool $membership,
        private readonly float $sendTimeout,
        private readonly Transport $transport,
        private readonly Decoder $decoder,
    ) {
    }

    /**
     * Connects to a daemon and introduces the client.
     *
     * @param string       $daemon      "PORT@HOST" by TCP; "PORT": the daemon with that port on this machine, by its Unix
     *                                  socket /run/spread/PORT or /tmp/PORT or, if neither answers, by TCP; "" is "4803";
     *                                  "unix:/path" is a Unix socket outright
     * @param string       $name        private name, 1 to 10 bytes from $ to ~ in ASCII, unique at the daemon; "": the
     *                                  daemon invents one, which is what short scripts want
     * @param bool         $membership  receive views, transitional signals and self-leaves
     * @param bool         $priority    daemons take it and give it no meaning
     * @param float        $timeout     for all of it, in seconds (the look-up of a host's address is not bounded by it)
     * @param float        $sendTimeout how long a later send may wait for a daemon that takes nothing, in seconds
     * @param list<string> $socketDirs  where to look for the Unix socket
     * @param list<string> $auth        the methods of authentication, 1 to 3, all of which the daemon must offer; only such as exchange
     *                                  no bytes: "NULL", "IP"
     *
     * @throws ConnectException          there is no such daemon, or (RefusedException) it refuses
     * @throws ConnectionClosedException it was not done in time, or broke off
     */
    public static function connect(
        string $daemon = '',
        string $name = '',
        bool $membership = true,
        bool $priority = false,
        float $timeout = 10.0,
        float $sendTimeout = 30.0,
        array $socketDirs = self::SOCKET_DIRS,
        array $auth = ['NULL'],
    ): self {
        if ($name !== '' && !Protocol::isPlainName($name, Protocol::MAX_USER)) {
            throw new RefusedException(ErrorCode::RejectIllegalName, 'the private name must have 1 to 10 bytes, each from $ to ~ in ASCII');
        }
        self::checkMethods($auth);
        $deadline = Clock::now() + $timeout;
        $transport = Transport::open(DaemonName::parse($daemon), $socketDirs, $deadline);
        try {
            $handshake = new Handshake($transport, $name, $deadline);
            $handshake->run($membership, $priority, array_values($auth));
        } catch (SpreadException $e) {
            $transport->close();
            throw $e;
        }
        $decoder = new Decoder($handshake->privateGroup, $handshake->version->major === 3);
        $decoder->feed($handshake->rest());
        return new self($handshake->privateGroup, $handshake->version, $membership, $sendTimeout, $transport, $decoder);
    }

    /** @param array<mixed> $auth */
    private static function checkMethods(array $auth): void
    {
        $plain = array_filter($auth, static fn ($method) => Protocol::isPlainName($method, Protocol::AUTH_SLOT - 1));
        if ($auth === [] || count($auth) > Protocol::AUTH_SLOTS || $plain !== $auth) {
            throw new RefusedException(ErrorCode::RejectAuth, 'there must be 1 to 3 authentication methods, such as NULL and IP');
        }
    }

    /** Returns the private name. */
    public function name(): string
    {
        return explode('#', $this->privateGroup)[1] ?? '';
    }

    /** Returns the name of the daemon. */
    public function daemonName(): string
    {
        return explode('#', $this->privateGroup)[2] ?? '';
    }

    /**
     * Asks to become a member of a group: 1 to 31 bytes, each from $ to ~ in ASCII. The client is a member when
     * its own join arrives as a View. Joining again does nothing.
     *
     * @throws SpreadException
     */
    public function join(string $group): void
    {
        $this->request(Protocol::JOIN, $group);
    }

    /**
     * Asks to leave a group; the leave is done when the SelfLeave arrives. Leaving what one is not in does nothing.
     *
     * @throws SpreadException
     */
    public function leave(string $group): void
    {
        $this->request(Protocol::LEAVE, $group);
    }

    private function request(int $type, string $group): void
    {
        if (!Protocol::isPlainName($group, Protocol::MAX_NAME)) {
            throw new SpreadException(ErrorCode::IllegalGroup, 'a group to join or leave must have 1 to 31 bytes, each from $ to ~ in ASCII');
        }
        $this->send(Protocol::message($type, $this->privateGroup, [$group]));
    }

    /**
     * Sends to groups and private groups, 1 to 100 of them, mixed, of which one need not be a member. It returns when
     * the system has taken the message, not when it has been delivered: a member sees its own message come back at
     * its place in the order, unless $selfDiscard is set.
     *
     * @param string|list<string> $groups who is in several of them receives the message once
     * @param string              $data   data and 32 bytes a group are at most 143,952 bytes
     * @param int                 $type   the application's own, -32768 to 32767
     *
     * @return int the bytes of data sent
     *
     * @throws SpreadException IllegalGroup, MessageTooLong; WouldBlock if the daemon took nothing within the send timeout
     *                         (then nothing has been sent); ConnectionClosed, IllegalSession
     */
    public function multicast(Service $service, string|array $groups, string $data, int $type = 0, bool $selfDiscard = false): int
    {
        $groups = is_string($groups) ? [$groups] : array_values($groups);
        self::checkGroups($groups);
        $body = strlen($data) + count($groups) * Protocol::NAME_SIZE;
        if ($body > Protocol::MAX_BODY) {
            throw new SpreadException(
                ErrorCode::MessageTooLong,
                strlen($data) . ' bytes of data and ' . count($groups) . " groups make $body bytes, a daemon takes at most " . Protocol::MAX_BODY,
            );
        }
        if ($type < -0x8000 || $type > 0x7fff) {
            throw new \ValueError("message type $type, must be -32768 to 32767");
        }
        $word = $service->value | ($selfDiscard ? Protocol::SELF_DISCARD : 0);
        $this->send(Protocol::message($word, $this->privateGroup, $groups, $type, $data));
        return strlen($data);
    }

    /** @param array<mixed> $groups */
    private static function checkGroups(array $groups): void
    {
        $n = count($groups);
        if ($n < 1 || $n > Protocol::MAX_GROUPS) {
            throw new SpreadException(ErrorCode::IllegalGroup, "$n groups, must be 1 to " . Protocol::MAX_GROUPS);
        }
        foreach ($groups as $group) {
            // Any bytes: other clients may have joined such groups.
            if ($group === '' || strlen($group) > Protocol::MAX_NAME || str_contains($group, "\0")) {
                throw new SpreadException(ErrorCode::IllegalGroup, 'a group has ' . strlen($group) . ' bytes, must have 1 to 31 and no zero byte');
            }
        }
    }

    /**
     * Returns the next event, and waits for it up to $timeout seconds; null: for ever, 0: not at all. Returns null if
     * there is none in time; nothing is lost then.
     *
     * @throws ConnectionClosedException
     * @throws ProtocolException         the daemon sent what cannot be right
     * @throws SpreadException           IllegalSession after close()
     */
    public function receive(?float $timeout = null): ?Event
    {
        try {
            $event = $this->decoder->next();
            if ($event !== null) {
                return $event;
            }
            for ($deadline = Clock::deadline($timeout);;) {
                if ($this->receiveFailure !== null) {
                    throw self::again($this->receiveFailure);
                }
                $bytes = $this->transport->read();
                if ($bytes !== '') {
                    $this->decoder->feed($bytes);
                    $event = $this->decoder->next();
                    if ($event !== null) {
                        return $event;
                    }
                } elseif ($deadline !== null && Clock::now() >= $deadline) {
                    return null;
                } else {
                    $this->transport->wait(true, false, $deadline);
                }
            }
        } catch (ConnectionClosedException|ProtocolException $e) {
            throw $this->lost($e);
        }
    }

    /**
     * Yields events until none comes for $timeout seconds (null: for ever).
     *
     * @return \Generator<int, Event>
     *
     * @throws SpreadException as receive()
     */
    public function events(?float $timeout = null): \Generator
    {
        while (($event = $this->receive($timeout)) !== null) {
            yield $event;
        }
    }

    /**
     * Yields the messages among the events, until nothing comes for $timeout seconds (null: for ever).
     *
     * @return \Generator<int, Message>
     *
     * @throws SpreadException as receive()
     */
    public function messages(?float $timeout = null): \Generator
    {
        while (($event = $this->receive($timeout)) !== null) {
            if ($event instanceof Message) {
                yield $event;
            }
        }
    }

    public function getIterator(): \Generator
    {
        return $this->events();
    }

    /**
     * Returns how many bytes have arrived and wait to be received, up to 1 MiB. They may be less than a message.
     *
     * @throws SpreadException as receive()
     */
    public function poll(): int
    {
        try {
            while ($this->receiveFailure === null && $this->decoder->pending() < self::READ_AHEAD) {
                $bytes = $this->transport->read();
                if ($bytes === '') {
                    break;
                }
                $this->decoder->feed($bytes);
            }
        } catch (ConnectionClosedException $e) {
            $this->lost($e);
        }
        if ($this->receiveFailure !== null && !$this->decoder->ready()) {
            throw self::again($this->receiveFailure);
        }
        return $this->decoder->pending();
    }

    /** Tells whether receive() has something to return or, as after a loss or close(), to throw without asking the system. */
    public function ready(): bool
    {
        return $this->receiveFailure !== null || $this->decoder->ready();
    }

    /**
     * Returns the stream, to wait for it with others by stream_select(). What has been read ahead is not seen there:
     * wait only while ready() is false. Do not read from it.
     *
     * @return resource
     *
     * @throws SpreadException IllegalSession after close()
     */
    public function stream(): mixed
    {
        if (!is_resource($this->transport->stream)) {
            throw self::closed();
        }
        return $this->transport->stream;
    }

    /**
     * Takes leave of the daemon and ends the connection: what was sent before is still delivered. It waits up to
     * $linger seconds for the daemon to confirm; then the private name is free again. Closing again does nothing.
     *
     * A connection that is merely dropped is ended by the system in the same way, but its name may be taken for some
     * milliseconds more.
     */
    public function close(float $linger = 1.0): void
    {
        $deadline = Clock::now() + $linger;
        try {
            if ($this->sendFailure === null) {
                $this->send(Protocol::message(Protocol::KILL, $this->privateGroup, [$this->privateGroup]), $linger);
                $this->sendFailure = self::closed();
                while ($this->receiveFailure === null && Clock::now() < $deadline) {
                    if ($this->transport->read() === '') {
                        $this->transport->wait(true, false, $deadline);
                    }
                }
            }
        } catch (SpreadException) {
            // The connection is gone, which is what was wanted.
        }
        $this->abort();
    }

    /** Closes the connection at once and without a word. */
    public function abort(): void
    {
        $this->sendFailure = $this->receiveFailure = self::closed();
        $this->decoder->drop();
        $this->transport->close();
    }

    private static function closed(): SpreadException
    {
        return new SpreadException(ErrorCode::IllegalSession);
    }

    /** Writes a whole message. While the daemon takes nothing, what it sends is read, so that it can go on. */
    private function send(string $bytes, ?float $timeout = null): void
    {
        if ($this->sendFailure !== null) {
            throw self::again($this->sendFailure);
        }
        try {
            $size = strlen($bytes);
            $n = $this->transport->write($bytes);
            if ($n === $size) {
                return;
            }
            $deadline = Clock::now() + ($timeout ?? $this->sendTimeout);
            while ($n < $size) {
                if (Clock::now() >= $deadline) {
                    throw $this->stuck($n);
                }
                $this->waitForRoom($deadline);
                if ($this->sendFailure !== null) {
                    throw self::again($this->sendFailure);
                }
                $n += $this->transport->write(substr($bytes, $n));
            }
        } catch (ConnectionClosedException $e) {
            $this->sendFailure ??= $e;
            throw $e;
        }
    }

    private function waitForRoom(float $deadline): void
    {
        $room = $this->receiveFailure === null && $this->decoder->pending() < self::READ_AHEAD;
        [$readable] = $this->transport->wait($room, true, $deadline);
        if ($readable) {
            try {
                $this->decoder->feed($this->transport->read());
            } catch (ConnectionClosedException $e) {
                throw $this->lost($e);
            }
        }
    }

    private function stuck(int $written): SpreadException
    {
        if ($written === 0) {
            return new SpreadException(ErrorCode::WouldBlock, 'the daemon took nothing for the time allowed; the message has not been sent');
        }
        return new ConnectionClosedException(
            ErrorCode::ConnectionClosed,
            'the daemon took only part of a message in the time allowed; the connection was given up',
        );
    }

    /** Notes that nothing comes any more. */
    private function lost(SpreadException $e): SpreadException
    {
        if ($this->receiveFailure === null) {
            $this->receiveFailure = $e;
            $this->sendFailure ??= $e;
            if ($e instanceof ProtocolException) {
                $this->decoder->drop();
                $this->transport->shutdown();
            }
        }
        return $e;
    }

    /** Makes a failure anew, for the trace of the call that meets it. */
    private static function again(SpreadException $e): SpreadException
    {
        return new $e($e->error, $e->getMessage());
    }
}
