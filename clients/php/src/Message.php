<?php

declare(strict_types=1);

namespace Gospread;

/** Data from another client, or from oneself (client protocol 5.1). */
final class Message implements Event
{
    /**
     * @param string       $sender         private group of the sending client, such as "#web1#host1"
     * @param list<string> $groups         the groups and private groups it was sent to, as its sender named them
     * @param ?Service     $service        null if it is of a kind this library does not know, which $flags then tell
     * @param int          $type           the application's own 16-bit type, -32768 to 32767
     * @param bool         $selfDiscard    the sender did not want it back
     * @param bool         $endianMismatch the sender's byte order is big-endian, not that of this client (which always
     *                                     writes little-endian), and so may be integers in $data
     * @param int          $flags          the other bits of the type word
     */
    public function __construct(
        public readonly string $sender,
        public readonly array $groups,
        public readonly ?Service $service,
        public readonly int $type,
        public readonly string $data,
        public readonly bool $selfDiscard = false,
        public readonly bool $endianMismatch = false,
        public readonly int $flags = 0,
    ) {
    }
}
