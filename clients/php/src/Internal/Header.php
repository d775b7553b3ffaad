<?php

declare(strict_types=1);

namespace Gospread\Internal;

use Gospread\ProtocolException;

/**
 * The header of a message (client protocol 3.1).
 *
 * @internal
 */
final class Header
{
    /**
     * @param bool $bigEndian     the order of the header and of membership bodies
     * @param int  $type          without the marker
     * @param bool $hintBigEndian the order of the original sender
     */
    private function __construct(
        public readonly bool $bigEndian,
        public readonly int $type,
        public readonly string $sender,
        public readonly int $groups,
        public readonly bool $hintBigEndian,
        public readonly int $messType,
        public readonly int $length,
    ) {
    }

    /**
     * Reads 48 bytes. Numbers are unsigned, so that negative ones are far too large.
     *
     * @throws ProtocolException
     */
    public static function read(string $b, int $at): self
    {
        $first = ord($b[$at]) & 0x80;
        $little = $first !== 0;
        if ($first !== (ord($b[$at + 3]) & 0x80)) {
            throw Decoder::damaged('a type word that is of neither byte order');
        }
        $w = unpack($little ? 'V1t/Z32s/V1n/C4h/V1l' : 'N1t/Z32s/N1n/C4h/N1l', $b, $at);
        $hintBig = !($w['h1'] & $w['h4'] & 0x80);
        $messType = $hintBig ? $w['h2'] << 8 | $w['h3'] : $w['h3'] << 8 | $w['h2'];
        return new self(
            !$little,
            $w['t'] & ~Protocol::LITTLE_ENDIAN,
            $w['s'],
            $w['n'],
            $hintBig,
            $messType >= 0x8000 ? $messType - 0x10000 : $messType,
            $w['l'],
        );
    }

    /** The size of the whole message. */
    public function size(): int
    {
        return Protocol::HEADER_SIZE + ($this->type & Protocol::REJECT ? 4 : 0) + $this->groups * Protocol::NAME_SIZE + $this->length;
    }
}
