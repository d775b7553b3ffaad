<?php

declare(strict_types=1);

namespace Gospread\Internal;

use Gospread\ConnectionClosedException;
use Gospread\ErrorCode;
use Gospread\RefusedException;
use Gospread\SpreadException;
use Gospread\Version;

/**
 * The client's side of the handshake (client protocol 2), over a new connection.
 *
 * @internal
 */
final class Handshake
{
    public string $privateGroup;
    public Version $version;
    private string $buffer = '';
    private ?ConnectionClosedException $writeFailure = null;

    public function __construct(
        private readonly Transport $transport,
        private readonly string $user,
        private readonly float $deadline,
    ) {
    }

    /**
     * @param non-empty-list<string> $auth the methods that the client chooses
     *
     * @throws RefusedException|ConnectionClosedException
     */
    public function run(bool $membership, bool $priority, array $auth): void
    {
        $this->write(Protocol::hello($this->user, $membership, $priority));
        $length = ord($this->take(1));
        if ($length >= 0x80) {
            throw $this->refused($length);
        }
        if ($length === 0) {
            throw $this->refused(ord($this->take(1)));
        }
        $offered = rtrim($this->take($length), ' ');
        $missing = array_diff($auth, explode(' ', $offered));
        if ($missing !== []) {
            throw new RefusedException(
                ErrorCode::RejectAuth,
                'the daemon does not offer the authentication method ' . implode(' ', $missing) . ", but these: $offered",
            );
        }
        $this->write(Protocol::choice($auth));
        $status = ord($this->take(1));
        if ($status !== 1) {
            throw $this->refused($status);
        }
        [, $major, $minor, $patch, $length] = unpack('C4', $this->take(4));
        $this->version = new Version($major, $minor, $patch);
        if ($major < 3 || max($major, $minor, $patch) >= 0x80) {
            throw new RefusedException(ErrorCode::RejectVersion, "the daemon is of the release $this->version, must be 3 or later");
        }
        if ($length < 1 || $length > Protocol::MAX_NAME) {
            throw new ConnectionClosedException(ErrorCode::ConnectionClosed, "the daemon gave a private group of $length bytes; is it a Spread daemon?");
        }
        $this->privateGroup = $this->take($length);
    }

    /** Returns what has come behind the handshake. */
    public function rest(): string
    {
        return $this->buffer;
    }

    private function write(string $bytes): void
    {
        try {
            if ($this->transport->write($bytes) === strlen($bytes)) {
                return;
            }
            $this->writeFailure = new ConnectionClosedException(ErrorCode::ConnectionClosed, 'the daemon takes nothing');
        } catch (ConnectionClosedException $e) {
            // A daemon that refuses at once may have closed by now; its reason is worth more.
            $this->writeFailure = $e;
        }
    }

    private function take(int $n): string
    {
        while (strlen($this->buffer) < $n) {
            try {
                $bytes = $this->transport->read();
            } catch (ConnectionClosedException $e) {
                throw $this->writeFailure ?? new ConnectionClosedException(
                    ErrorCode::ConnectionClosed,
                    'the daemon broke off the handshake; its log may tell why',
                    $e,
                );
            }
            $this->buffer .= $bytes;
            if ($bytes === '') {
                if (Clock::now() >= $this->deadline) {
                    throw new ConnectionClosedException(ErrorCode::ConnectionClosed, 'the daemon did not finish the handshake in time');
                }
                $this->transport->wait(true, false, $this->deadline);
            }
        }
        $taken = substr($this->buffer, 0, $n);
        $this->buffer = substr($this->buffer, $n);
        return $taken;
    }

    private function refused(int $byte): SpreadException
    {
        $code = ErrorCode::tryFrom($byte - 0x100);
        if ($code === null || $code->value < ErrorCode::RejectAuth->value || $code->value > ErrorCode::RejectQuota->value || $code === ErrorCode::ConnectionClosed) {
            return new ConnectionClosedException(ErrorCode::ConnectionClosed, "the daemon broke off the handshake with the byte $byte");
        }
        $of = $this->user !== '' && in_array($code, [ErrorCode::RejectNotUnique, ErrorCode::RejectIllegalName], true) ? " ($this->user)" : '';
        return new RefusedException($code, 'refused: ' . $code->text() . $of);
    }
}
