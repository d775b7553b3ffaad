<?php

declare(strict_types=1);

namespace Gospread;

/**
 * A ReconnectingConnection had lost its daemon and has one again. The program has lost its place in the order: what
 * was sent to its groups in between is missed, and its own last messages may or may not have been delivered. It must
 * bring its state up to date by means of its own. The views of the groups, joined again, follow.
 */
final class Reconnected implements Event
{
    /** @param string $privateGroup of the new connection; it may be another one */
    public function __construct(public readonly string $privateGroup)
    {
    }
}
