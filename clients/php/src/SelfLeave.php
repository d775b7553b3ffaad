<?php

declare(strict_types=1);

namespace Gospread;

/** This client's own leave is done: nothing more of the group will come (client protocol 5.4). */
final class SelfLeave implements Event
{
    public function __construct(public readonly string $group)
    {
    }
}
