<?php

declare(strict_types=1);

namespace Gospread;

/**
 * Names a view of a group: equal ids of a group mean the same view; nothing else
 * may be read into them (client protocol 5.3).
 */
final class ViewId
{
    public function __construct(
        public readonly int $daemon,
        public readonly int $time,
        public readonly int $index,
    ) {
    }

    public function equals(self $other): bool
    {
        return $this->daemon === $other->daemon && $this->time === $other->time && $this->index === $other->index;
    }
}
