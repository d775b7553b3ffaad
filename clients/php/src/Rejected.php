<?php

declare(strict_types=1);

namespace Gospread;

/**
 * A request of this client that the daemon's access policy refused (client
 * protocol 5.6). Requests with self-discard are refused in silence.
 */
final class Rejected implements Event
{
    /**
     * @param Message $message the request as it was sent; for a join or leave, groups[0] is the group
     * @param int     $oldType the type word that came back, without the byte-order marker
     */
    public function __construct(
        public readonly Request $request,
        public readonly Message $message,
        public readonly int $oldType,
    ) {
    }
}
