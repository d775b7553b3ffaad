<?php

declare(strict_types=1);

namespace Gospread;

/**
 * What a connection receives: a Message, View, Transition, SelfLeave or Rejected;
 * from a ReconnectingConnection also Reconnected.
 */
interface Event
{
}
