<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** Numbers about a queue. */
final class Stats
{
    public function __construct(
        public readonly int $workers,
        /** How many jobs they do at a time. */
        public readonly int $capacity,
        public readonly int $waiting,
        public readonly int $running,
        /** Jobs that have ended and are remembered. */
        public readonly int $ended,
    ) {
    }
}
