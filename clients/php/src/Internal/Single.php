<?php

declare(strict_types=1);

namespace Gospread\Internal;

/**
 * For what stands for a connection of the system, of which there is no second one.
 *
 * @internal
 */
trait Single
{
    public function __clone()
    {
        throw new \LogicException('a ' . self::class . ' cannot be cloned: connect a second time');
    }

    /** @return array<never> */
    public function __serialize(): array
    {
        throw new \LogicException('a ' . self::class . ' cannot be serialized');
    }

    /** @param array<mixed> $data */
    public function __unserialize(array $data): void
    {
        throw new \LogicException('a ' . self::class . ' cannot be unserialized');
    }
}
