<?php

declare(strict_types=1);

namespace Gospread\Internal;

/**
 * Numbers and layouts of the protocol between client and daemon (client protocol
 * 2 and 3). Everything is written little-endian, and marked so.
 *
 * @internal
 */
final class Protocol
{
    /** The release of Spread whose protocol this is. */
    public const VERSION = [5, 0, 1];

    public const NAME_SIZE = 32;
    public const MAX_NAME = 31;
    public const MAX_USER = 10;
    public const MAX_GROUPS = 100;
    public const MAX_DATA = 144000;
    /** Bounds data plus 32 bytes a group. */
    public const MAX_BODY = 143952;
    public const HEADER_SIZE = 48;
    public const AUTH_SLOT = 30;
    public const AUTH_SLOTS = 3;

    public const SERVICES = 0x0000003f;
    public const SELF_DISCARD = 0x00000040;
    public const CAUSED_BY_JOIN = 0x00000100;
    public const CAUSED_BY_LEAVE = 0x00000200;
    public const CAUSES = 0x00000f00;
    public const REG_MEMB = 0x00001000;
    public const TRANSITION = 0x00002000;
    public const MEMBERSHIP = 0x00003f00;
    public const JOIN = 0x00010000;
    public const LEAVE = 0x00020000;
    public const KILL = 0x00040000;
    public const REJECT = 0x00400000;
    public const LITTLE_ENDIAN = 0x80000080;

    public static function hello(string $user, bool $membership, bool $priority): string
    {
        return pack('C5', ...[...self::VERSION, ($priority ? 0x10 : 0) | ($membership ? 1 : 0), strlen($user)]) . $user;
    }

    /** @param list<string> $methods at most AUTH_SLOTS */
    public static function choice(array $methods): string
    {
        return pack('a30a30a30', ...array_pad($methods, self::AUTH_SLOTS, ''));
    }

    /**
     * @param int                    $type   the type word without the marker
     * @param string                 $sender the sender's private group
     * @param non-empty-list<string> $groups
     */
    public static function message(int $type, string $sender, array $groups, int $messType = 0, string $data = ''): string
    {
        $n = count($groups);
        $head = pack(
            'Va32VVV',
            $type | self::LITTLE_ENDIAN,
            $sender,
            $n,
            ($messType & 0xffff) << 8 | self::LITTLE_ENDIAN,
            strlen($data),
        );
        return $head . pack($n === 1 ? 'a32' : str_repeat('a32', $n), ...$groups) . $data;
    }

    /** Tells whether a name may be that of a private name or of a group to join: $ to ~ in ASCII. */
    public static function isPlainName(string $name, int $max): bool
    {
        return $name !== '' && strlen($name) <= $max && strspn($name, self::PLAIN) === strlen($name);
    }

    private const PLAIN = '$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~';
}
