<?php

declare(strict_types=1);

namespace Gospread\Internal;

use Gospread\ConnectException;
use Gospread\ConnectionClosedException;
use Gospread\ErrorCode;

/**
 * A stream socket to a daemon that never blocks but in wait().
 *
 * @internal
 */
final class Transport
{
    /** What one read takes, in bytes. */
    private const CHUNK = 65536;
    /** How long to wait if the daemon's queue of new connections is full, in microseconds. */
    private const BUSY = 2000;

    /** @var resource */
    public readonly mixed $stream;

    /** @param resource $stream */
    private function __construct(mixed $stream)
    {
        stream_set_blocking($stream, false);
        stream_set_read_buffer($stream, 0);
        $this->stream = $stream;
    }

    /**
     * Connects: to a socket file of one of the directories or else by TCP.
     *
     * @param list<string> $socketDirs
     *
     * @throws ConnectException|ConnectionClosedException
     */
    public static function open(DaemonName $daemon, array $socketDirs, float $deadline): self
    {
        if ($daemon->host !== null) {
            $host = str_contains($daemon->host, ':') ? "[$daemon->host]" : $daemon->host;
            return self::connect("tcp://$host:$daemon->port", $deadline);
        }
        if ($daemon->path !== null) {
            return self::connect("unix://$daemon->path", $deadline);
        }
        $failed = [];
        foreach ([...array_map(static fn ($dir) => "unix://$dir/$daemon->port", $socketDirs), "tcp://localhost:$daemon->port"] as $address) {
            try {
                return self::connect($address, $deadline);
            } catch (ConnectException $e) {
                $failed[] = $e->getMessage();
            }
        }
        throw new ConnectException(
            ErrorCode::CouldNotConnect,
            implode('; ', $failed) . "; is a daemon with port $daemon->port running on this machine?",
        );
    }

    private static function connect(string $address, float $deadline): self
    {
        $context = stream_context_create(['socket' => ['tcp_nodelay' => true]]);
        for (;;) {
            $left = $deadline - Clock::now();
            if ($left <= 0) {
                throw self::late($address);
            }
            $stream = @stream_socket_client($address, $errno, $error, $left, STREAM_CLIENT_CONNECT, $context);
            if ($stream !== false) {
                break;
            }
            if (Clock::now() >= $deadline) {
                throw self::late($address);
            }
            // A Unix socket with many new connections waiting says so at once.
            if ($errno !== (defined('SOCKET_EAGAIN') ? SOCKET_EAGAIN : 11) || !str_starts_with($address, 'unix:')) {
                throw new ConnectException($errno === 0 ? ErrorCode::IllegalSpread : ErrorCode::CouldNotConnect, "no connection to $address: $error");
            }
            usleep(self::BUSY);
        }
        self::keepAlive($stream, $address);
        $transport = new self($stream);
        [, , $warning] = self::select($stream, false, 0.0);
        if ($warning !== '') {
            throw new ConnectException(ErrorCode::CouldNotConnect, "this program has too many files open to wait for one more: $warning");
        }
        return $transport;
    }

    private static function late(string $address): ConnectionClosedException
    {
        return new ConnectionClosedException(ErrorCode::ConnectionClosed, "no connection to $address in time");
    }

    /** @param resource $stream */
    private static function keepAlive(mixed $stream, string $address): void
    {
        if (str_starts_with($address, 'tcp:') && function_exists('socket_import_stream')) {
            $socket = socket_import_stream($stream);
            if ($socket !== false) {
                socket_set_option($socket, SOL_SOCKET, SO_KEEPALIVE, 1);
            }
        }
    }

    /**
     * Returns what has arrived, or '' if nothing has.
     *
     * @throws ConnectionClosedException the daemon has closed the connection
     */
    public function read(): string
    {
        $bytes = @fread($this->stream, self::CHUNK);
        if ($bytes === '' || $bytes === false) {
            if (feof($this->stream)) {
                throw new ConnectionClosedException(ErrorCode::ConnectionClosed, 'the daemon closed the connection; its log may tell why');
            }
            return '';
        }
        return $bytes;
    }

    /**
     * Writes as much as the system takes, and returns how many bytes that are.
     *
     * @throws ConnectionClosedException
     */
    public function write(string $bytes): int
    {
        $n = @fwrite($this->stream, $bytes);
        if ($n === false) {
            throw new ConnectionClosedException(
                ErrorCode::ConnectionClosed,
                'the connection is lost: ' . (error_get_last()['message'] ?? 'the daemon has closed it'),
            );
        }
        return $n;
    }

    /**
     * Waits until there is something to read, or room to write if that is wanted, or
     * the deadline (null: none) has come, or a signal. Handlers of signals have run when it returns.
     *
     * @return array{bool, bool} whether to read, and to write
     */
    public function wait(bool $read, bool $write, ?float $deadline): array
    {
        $seconds = $deadline === null ? null : max(0.0, $deadline - Clock::now());
        [$readable, $writable, $warning] = self::select($this->stream, $write, $seconds, $read);
        if ($warning !== '') {
            if (!str_contains($warning, '[4]')) {
                throw new ConnectionClosedException(ErrorCode::ConnectionClosed, "cannot wait for the daemon: $warning");
            }
            if (function_exists('pcntl_signal_dispatch')) {
                pcntl_signal_dispatch();
            }
        }
        return [$readable, $writable];
    }

    /**
     * @param resource $stream
     *
     * @return array{bool, bool, string} whether to read, to write, and what PHP warned of
     */
    private static function select(mixed $stream, bool $write, ?float $seconds, bool $read = true): array
    {
        $r = $read ? [$stream] : null;
        $w = $write ? [$stream] : null;
        $e = null;
        $whole = $seconds === null ? null : (int) min($seconds, 1e8);
        $micro = $whole === null ? null : (int) ceil(($seconds - $whole) * 1e6);
        $warning = '';
        set_error_handler(static function (int $level, string $text) use (&$warning): bool {
            $warning = $text;
            return true;
        });
        try {
            $n = stream_select($r, $w, $e, $whole, $micro === null ? null : min($micro, 999999));
        } finally {
            restore_error_handler();
        }
        return $n ? [(bool) $r, (bool) $w, $warning] : [false, false, $warning];
    }

    /** Ends the connection; the stream stays, at its end. */
    public function shutdown(): void
    {
        @stream_socket_shutdown($this->stream, STREAM_SHUT_RDWR);
    }

    public function close(): void
    {
        if (is_resource($this->stream)) {
            fclose($this->stream);
        }
    }
}
