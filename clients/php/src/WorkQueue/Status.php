<?php

declare(strict_types=1);

namespace Gospread\WorkQueue;

/** What is known of a job. */
final class Status
{
    public function __construct(
        public readonly State $state,
        /** How many wait before it. */
        public readonly int $position = 0,
        /** How far it is. */
        public readonly int $percent = 0,
        /** Of the last progress, or why it failed: valid UTF-8, to be escaped like any text from elsewhere. */
        public readonly string $text = '',
        /** The private group of the worker that does it. */
        public readonly string $on = '',
        /** How often it was given to a worker. */
        public readonly int $attempt = 0,
        /** Bytes of its result. */
        public readonly int $size = 0,
    ) {
    }
}
