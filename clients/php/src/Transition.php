<?php

declare(strict_types=1);

namespace Gospread;

/**
 * The transitional signal: members of the group have been lost, and up to the next
 * view it is not known that they deliver what this client delivers (client
 * protocol 5.5).
 */
final class Transition implements Event
{
    /** @param ViewId $id the view that is ending */
    public function __construct(
        public readonly string $group,
        public readonly ViewId $id,
    ) {
    }
}
