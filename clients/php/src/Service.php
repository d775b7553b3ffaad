<?php

declare(strict_types=1);

namespace Gospread;

/**
 * The delivery guarantee of a message, weakest first. The values are the bits of
 * the protocol (client protocol 3.3).
 */
enum Service: int
{
    /** May be lost, and may overtake others. */
    case Unreliable = 0x01;
    /** Not lost, but may overtake others. */
    case Reliable = 0x02;
    /** Messages of one sender stay in their order. */
    case Fifo = 0x04;
    /** Does not overtake what its sender had seen. */
    case Causal = 0x08;
    /** One total order at all receivers. */
    case Agreed = 0x10;
    /** In that order too, and only when every daemon of the view holds it in memory. */
    case Safe = 0x20;
}
