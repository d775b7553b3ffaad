<?php

declare(strict_types=1);

namespace Gospread;

/** The release of a daemon. */
final class Version
{
    public function __construct(
        public readonly int $major,
        public readonly int $minor,
        public readonly int $patch,
    ) {
    }

    public function __toString(): string
    {
        return "$this->major.$this->minor.$this->patch";
    }
}
