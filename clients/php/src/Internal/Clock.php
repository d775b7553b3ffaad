<?php

declare(strict_types=1);

namespace Gospread\Internal;

/**
 * Points in time, in seconds of a clock that is never set.
 *
 * @internal
 */
final class Clock
{
    public static function now(): float
    {
        return hrtime(true) / 1e9;
    }

    /** Returns the end of so many seconds; null is never. */
    public static function deadline(?float $seconds): ?float
    {
        return $seconds === null ? null : self::now() + $seconds;
    }
}
