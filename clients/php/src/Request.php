<?php

declare(strict_types=1);

namespace Gospread;

/** What a client asked of its daemon. */
enum Request
{
    case Multicast;
    case Join;
    case Leave;
}
