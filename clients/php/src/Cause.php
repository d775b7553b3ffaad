<?php

declare(strict_types=1);

namespace Gospread;

/** Why a view came about (client protocol 3.3). */
enum Cause: int
{
    case Join = 0x0100;
    case Leave = 0x0200;
    case Disconnect = 0x0400;
    case Network = 0x0800;
}
