<?php

declare(strict_types=1);

namespace Gospread\Internal;

use Gospread\ConnectException;
use Gospread\ErrorCode;

/**
 * Where a daemon is to be found, as programs name it (client protocol 1.4).
 *
 * @internal
 */
final class DaemonName
{
    private const DEFAULT_PORT = '4803';
    private const MAX_LENGTH = 70;

    /**
     * @param ?string $host null: this machine
     * @param ?string $path of a Unix socket, named outright
     */
    private function __construct(
        public readonly int $port,
        public readonly ?string $host = null,
        public readonly ?string $path = null,
    ) {
    }

    /** @throws ConnectException */
    public static function parse(string $name): self
    {
        if (str_starts_with($name, 'unix:')) {
            $path = substr($name, 5);
            if (str_starts_with($path, '//')) {
                $path = substr($path, 2);
            }
            if ($path === '' || strlen($path) > 107 || str_contains($path, "\0")) {
                throw self::illegal($name, 'write unix:/path/of/the/socket, of at most 107 bytes');
            }
            return new self(0, path: $path);
        }
        if ($name === '') {
            $name = self::DEFAULT_PORT;
        }
        if (strlen($name) > self::MAX_LENGTH) {
            throw self::illegal($name, 'it must not be longer than ' . self::MAX_LENGTH . ' bytes');
        }
        if (!preg_match('/^[ \t\n\v\f\r]*([+-]?)([0-9]+)[ \t\n\v\f\r]*([^ \t\n\v\f\r]*)/D', $name, $m)) {
            throw self::illegal($name, 'write PORT or PORT@HOST, such as 4803@localhost');
        }
        // The port counts modulo 65536, whatever its length.
        $port = 0;
        foreach (str_split($m[2]) as $digit) {
            $port = ($port * 10 + (int) $digit) & 0xffff;
        }
        if ($m[1] === '-') {
            $port = -$port & 0xffff;
        }
        if ($m[3] === '') {
            return new self($port);
        }
        $host = substr($m[3], 1);
        if ($m[3][0] !== '@' || $host === '') {
            throw self::illegal($name, 'write PORT@HOST without blanks, or just PORT for this machine');
        }
        if (str_starts_with($host, '[') && str_ends_with($host, ']')) {
            $host = substr($host, 1, -1);
        }
        if (!preg_match('/^[A-Za-z0-9._:%-]+$/D', $host)) {
            throw self::illegal($name, 'its host is neither a name nor an address');
        }
        return new self($port, $host);
    }

    private static function illegal(string $name, string $why): ConnectException
    {
        return new ConnectException(ErrorCode::IllegalSpread, 'daemon name ' . json_encode($name, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES) . ": $why");
    }
}
