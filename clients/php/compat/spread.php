<?php

declare(strict_types=1);

/*
 * The functions, constants and class of the old PHP extension, for programs
 * written for it. Whatever the extension has defined already is left alone.
 *
 * Two extensions used the same names with arguments in different orders; both
 * orders are understood:
 *
 *     spread_multicast($conn, $group, $message, $service, $type)
 *     spread_multicast($group, $message, $conn, $type, $service)
 *
 * Without a connection the one that was opened last is meant.
 */

namespace Gospread\Compat {
    use Gospread\Connection;
    use Gospread\ErrorCode;
    use Gospread\Event;
    use Gospread\Message;
    use Gospread\RefusedException;
    use Gospread\SelfLeave;
    use Gospread\Service;
    use Gospread\SpreadException;
    use Gospread\Transition;
    use Gospread\View;

    require_once __DIR__ . '/../autoload.php';

    /**
     * What is behind the resource of a connection, a stream of this wrapper: when
     * nothing refers to the resource any more, the connection is ended.
     *
     * @internal
     */
    final class Handle
    {
        private const SCHEME = 'gospread';
        private static ?Connection $opening = null;
        private static bool $registered = false;
        /** Whether the script is at its end. */
        private static bool $ending = false;

        /** @var ?resource set by PHP */
        public mixed $context = null;
        public readonly Connection $connection;
        private readonly int $process;

        /** @return resource */
        public static function of(Connection $c): mixed
        {
            if (!self::$registered) {
                stream_wrapper_register(self::SCHEME, self::class);
                register_shutdown_function(static fn () => self::$ending = true);
                self::$registered = true;
            }
            self::$opening = $c;
            return fopen(self::SCHEME . '://', 'r+');
        }

        /** Returns what is behind a resource, if it is that of a connection and has not been closed. */
        public static function behind(mixed $resource): ?self
        {
            if (!is_resource($resource) || get_resource_type($resource) !== 'stream') {
                return null;
            }
            $handle = stream_get_meta_data($resource)['wrapper_data'] ?? null;
            return $handle instanceof self ? $handle : null;
        }

        public function stream_open(): bool
        {
            if (self::$opening === null) {
                return false; // there is nothing for programs to open here
            }
            $this->connection = self::$opening;
            self::$opening = null;
            $this->process = getmypid();
            return true;
        }

        /** For stream_select(). @return resource */
        public function stream_cast(): mixed
        {
            return $this->connection->stream();
        }

        public function stream_eof(): bool
        {
            return false;
        }

        /**
         * Takes leave of the daemon, for the name to be free at once. But after a fork the connection may be another
         * process's: the copy in a child is closed without a word, and what a script has at its end the system closes.
         */
        public function stream_close(): void
        {
            if (self::$ending) {
                return;
            }
            if ($this->process === getmypid()) {
                $this->connection->close();
            } else {
                $this->connection->abort();
            }
        }
    }

    /**
     * The connections behind the functions, each known by a resource like that of the
     * extensions.
     *
     * @internal
     */
    final class Sessions
    {
        /** @var array<string, resource> by daemon and name */
        private static array $persistent = [];
        /** @var ?resource the one that was opened last, which functions use without being told */
        private static mixed $last = null;
        /** How that one was asked for. */
        private static string $lastKey = '';
        private static ?SpreadException $failure = null;

        /** @return resource|false */
        public static function connect(string $daemon, ?string $name, bool $membership): mixed
        {
            return self::attempt(static function () use ($daemon, $name, $membership) {
                $connect = static fn () => Connection::connect($daemon, substr($name ?? '', 0, 10), $membership);
                $key = "$name@$daemon";
                try {
                    $c = $connect();
                } catch (RefusedException $e) {
                    if ($e->error !== ErrorCode::RejectNotUnique || self::$lastKey !== $key || !self::dropLast()) {
                        throw $e;
                    }
                    $c = $connect();
                }
                self::$lastKey = $key;
                return self::$last = Handle::of($c);
            });
        }

        /** Ends the connection that was opened last if the program has dropped its resource; tells whether that is so. */
        private static function dropLast(): bool
        {
            if (!is_resource(self::$last)) {
                return false;
            }
            $number = get_resource_id(self::$last);
            self::$last = null;
            self::$last = get_resources('stream')[$number] ?? null;
            return self::$last === null;
        }

        /** @return resource|false the connection that there is to that daemon under that name, or a new one */
        public static function persistent(string $daemon, ?string $name): mixed
        {
            $stream = self::$persistent["$name@$daemon"] ?? null;
            return is_resource($stream) ? self::$last = $stream : self::$persistent["$name@$daemon"] = self::connect($daemon, $name, false);
        }

        /** Makes a call of a function, and false of an exception. */
        public static function attempt(\Closure $call): mixed
        {
            try {
                self::$failure = null;
                return $call();
            } catch (SpreadException $e) {
                self::$failure = $e;
                return false;
            }
        }

        /** @throws SpreadException */
        public static function get(mixed $stream): Connection
        {
            return Handle::behind($stream ?? self::$last)?->connection
                ?? throw new SpreadException(ErrorCode::IllegalSession, 'no connection has been opened, or it has been closed');
        }

        public static function close(mixed $stream): bool
        {
            return self::attempt(static function () use ($stream) {
                self::get($stream)->close();
                return fclose($stream ?? self::$last);
            });
        }

        /** Ends a connection that may be closed already; that is no call of the program. */
        public static function drop(mixed $stream): void
        {
            $failure = self::$failure;
            self::close($stream);
            self::$failure = $failure;
        }

        public static function each(mixed $stream, mixed $groups, bool $join): bool
        {
            return self::attempt(static function () use ($stream, $groups, $join) {
                $c = self::get($stream);
                foreach ((array) $groups as $group) {
                    $join ? $c->join((string) $group) : $c->leave((string) $group);
                }
                return true;
            });
        }

        public static function multicast(mixed $stream, mixed $groups, mixed $message, int $service, int $type): int|false
        {
            return self::attempt(static function () use ($stream, $groups, $message, $service, $type) {
                $guarantee = Service::tryFrom($service & 0x3f) ?? throw new SpreadException(ErrorCode::IllegalService);
                $groups = array_map(static fn ($group) => substr((string) $group, 0, 31), array_values((array) $groups));
                // The type is cut to the 16 bits that it has.
                $type = ($type & 0xffff ^ 0x8000) - 0x8000;
                return self::get($stream)->multicast($guarantee, $groups, (string) $message, $type, ($service & 0x40) !== 0);
            });
        }

        /** @return array<string, mixed>|false */
        public static function receive(mixed $stream, float $seconds): array|false
        {
            return self::attempt(static function () use ($stream, $seconds) {
                $event = self::get($stream)->receive($seconds < 0 ? null : $seconds);
                return $event === null ? false : self::asArray($event);
            });
        }

        private static function asArray(Event $e): array
        {
            if ($e instanceof View) {
                return [
                    'message' => '',
                    'groups' => $e->members,
                    'message_type' => $e->index,
                    'sender' => $e->group,
                    'service_type' => 0x1000 | $e->cause->value,
                    'changed' => $e->changed,
                ];
            }
            if ($e instanceof Transition || $e instanceof SelfLeave) {
                return [
                    'message' => '',
                    'groups' => [],
                    'message_type' => -1,
                    'sender' => $e->group,
                    'service_type' => $e instanceof Transition ? 0x2000 : 0x0200,
                ];
            }
            $m = $e instanceof Message ? $e : $e->message;
            return [
                'message' => $m->data,
                'groups' => $m->groups,
                'message_type' => $m->type,
                'sender' => $m->sender,
                'service_type' => $e instanceof Message
                    ? ($m->service->value ?? 0) | ($m->selfDiscard ? 0x40 : 0) | $m->flags
                    : 0x00400000 | $e->oldType,
            ];
        }

        public static function privateGroup(mixed $stream): string|false
        {
            return self::attempt(static fn () => self::get($stream)->privateGroup);
        }

        public static function errorText(): string
        {
            return self::$failure?->getMessage() ?? '';
        }

        public static function errorNumber(): int
        {
            return self::$failure?->getCode() ?? 0;
        }
    }

    /** The constants by name. */
    const CONSTANTS = [
        'UNRELIABLE_MESS' => 0x01,
        'RELIABLE_MESS' => 0x02,
        'FIFO_MESS' => 0x04,
        'CAUSAL_MESS' => 0x08,
        'AGREED_MESS' => 0x10,
        'SAFE_MESS' => 0x20,
        'REGULAR_MESS' => 0x3f,
        'SELF_DISCARD' => 0x40,
        'CAUSED_BY_JOIN' => 0x0100,
        'CAUSED_BY_LEAVE' => 0x0200,
        'CAUSED_BY_DISCONNECT' => 0x0400,
        'CAUSED_BY_NETWORK' => 0x0800,
        'REG_MEMB_MESS' => 0x1000,
        'TRANSITION_MESS' => 0x2000,
        'MEMBERSHIP_MESS' => 0x3f00,
        'REJECT_MESS' => 0x00400000,
    ];

    foreach (CONSTANTS as $name => $value) {
        if (!defined("SP_$name")) {
            define("SP_$name", $value);
        }
    }
}

namespace {
    use Gospread\Compat\Sessions;

    if (!function_exists('spread_connect')) {
        /** @return resource|false */
        function spread_connect(string $daemon = '', ?string $name = null, bool $membership = false): mixed
        {
            return Sessions::connect($daemon, $name, $membership);
        }
    }
    if (!function_exists('spread_pconnect')) {
        /** @return resource|false the connection of this request to that daemon under that name */
        function spread_pconnect(string $daemon = '', ?string $name = null): mixed
        {
            return Sessions::persistent($daemon, $name);
        }
    }
    if (!function_exists('spread_join')) {
        /** spread_join($conn, $groups) or spread_join($groups [, $conn]) */
        function spread_join(mixed $first, mixed $second = null): bool
        {
            return is_resource($first) ? Sessions::each($first, $second, true) : Sessions::each($second, $first, true);
        }
    }
    if (!function_exists('spread_leave')) {
        /** spread_leave($conn, $groups) or spread_leave($groups [, $conn]) */
        function spread_leave(mixed $first, mixed $second = null): bool
        {
            return is_resource($first) ? Sessions::each($first, $second, false) : Sessions::each($second, $first, false);
        }
    }
    if (!function_exists('spread_multicast')) {
        /**
         * spread_multicast($conn, $groups, $message [, $service [, $type]]) or
         * spread_multicast($groups, $message [, $conn [, $type [, $service]]])
         *
         * @return int|false the bytes sent
         */
        function spread_multicast(mixed $first, mixed $second, mixed $third = null, ?int $fourth = null, ?int $fifth = null): int|false
        {
            return is_resource($first) || func_num_args() > 2 && !is_resource($third) && $third !== null
                ? Sessions::multicast($first, $second, $third, $fourth ?? SP_RELIABLE_MESS, $fifth ?? 1)
                : Sessions::multicast($third, $first, $second, $fifth ?? SP_RELIABLE_MESS, $fourth ?? 1);
        }
    }
    if (!function_exists('spread_receive')) {
        /**
         * spread_receive([$conn [, $seconds]]); 0 seconds: do not wait, -1: for ever
         *
         * @return array<string, mixed>|false false: nothing came in time, or (see spread_errno()) an error
         */
        function spread_receive(mixed $conn = null, int|float $seconds = 0): array|false
        {
            return Sessions::receive($conn, $seconds);
        }
    }
    if (!function_exists('spread_disconnect')) {
        function spread_disconnect(mixed $conn = null): bool
        {
            return Sessions::close($conn);
        }
    }
    if (!function_exists('spread_close')) {
        function spread_close(mixed $conn = null): bool
        {
            return Sessions::close($conn);
        }
    }
    if (!function_exists('spread_error')) {
        /** The text of what went wrong in the last call, '' if nothing. */
        function spread_error(mixed $conn = null): string
        {
            return Sessions::errorText();
        }
    }
    if (!function_exists('spread_errno')) {
        /** The number of what went wrong in the last call, 0 if nothing. */
        function spread_errno(mixed $conn = null): int
        {
            return Sessions::errorNumber();
        }
    }

    if (!class_exists('Spread', false)) {
        class Spread
        {
            public const UNRELIABLE_MESS = 0x01;
            public const RELIABLE_MESS = 0x02;
            public const FIFO_MESS = 0x04;
            public const CAUSAL_MESS = 0x08;
            public const AGREED_MESS = 0x10;
            public const SAFE_MESS = 0x20;
            public const REGULAR_MESS = 0x3f;
            public const SELF_DISCARD = 0x40;
            public const CAUSED_BY_JOIN = 0x0100;
            public const CAUSED_BY_LEAVE = 0x0200;
            public const CAUSED_BY_DISCONNECT = 0x0400;
            public const CAUSED_BY_NETWORK = 0x0800;
            public const REG_MEMB_MESS = 0x1000;
            public const TRANSITION_MESS = 0x2000;
            public const MEMBERSHIP_MESS = 0x3f00;
            public const REJECT_MESS = 0x00400000;

            /** The private group, once connected. */
            public string $private_group = '';

            private mixed $conn = null;
            private ?int $process = null;

            public function __construct(?string $daemon = null, ?string $name = null)
            {
                if ($daemon !== null) {
                    $this->connect($daemon, $name);
                }
            }

            /** The connection ends with its object, but not with the copy of it that a fork makes. */
            public function __destruct()
            {
                if ($this->conn !== null && $this->process === getmypid()) {
                    Sessions::drop($this->conn);
                }
            }

            public function connect(string $daemon = '', ?string $name = null, bool $membership = false): bool
            {
                $conn = Sessions::connect($daemon, $name, $membership);
                if ($conn === false) {
                    return false;
                }
                $this->__destruct();
                $this->conn = $conn;
                $this->process = getmypid();
                $this->private_group = (string) Sessions::privateGroup($conn);
                return true;
            }

            public function disconnect(): bool
            {
                return Sessions::close($this->conn ?? false);
            }

            public function join(mixed $groups): bool
            {
                return Sessions::each($this->conn ?? false, $groups, true);
            }

            public function leave(mixed $groups): bool
            {
                return Sessions::each($this->conn ?? false, $groups, false);
            }

            /** @return array<string, mixed>|false */
            public function receive(int|float $seconds = 0): array|false
            {
                return Sessions::receive($this->conn ?? false, $seconds);
            }

            public function multicast(mixed $groups, mixed $message, int $service = self::RELIABLE_MESS, int $type = 1): int|false
            {
                return Sessions::multicast($this->conn ?? false, $groups, $message, $service, $type);
            }
        }
    }
}
