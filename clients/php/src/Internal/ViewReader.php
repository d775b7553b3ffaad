<?php

declare(strict_types=1);

namespace Gospread\Internal;

use Gospread\Cause;
use Gospread\View;
use Gospread\ViewId;

/**
 * Reads regular membership notices in both layouts (client protocol 5.2 and 11).
 *
 * @internal
 */
final class ViewReader
{
    /** The original makes an empty set now and then: one for each of at most so many daemons. */
    private const MAX_EMPTY_SETS = 128;

    private function __construct(
        private readonly string $buffer,
        private int $at,
        private readonly int $end,
        private readonly string $format,
    ) {
    }

    /** @param int $at where the members begin */
    public static function read(string $buffer, int $at, Header $h, string $privateGroup, bool $old): View
    {
        $cause = Cause::tryFrom($h->type & Protocol::CAUSES);
        if ($cause === null) {
            throw Decoder::damaged("a view of group $h->sender without exactly one cause");
        }
        $members = Decoder::names($buffer, $at, $h->groups);
        $body = $at + $h->groups * Protocol::NAME_SIZE;
        $r = new self($buffer, $body, $body + $h->length, $h->bigEndian ? 'N' : 'V');
        $id = new ViewId($r->word(), $r->word(), $r->word());
        [$sets, $own] = $old ? [[$r->set()], 0] : $r->sets(count($members));
        $index = array_search($privateGroup, $members, true);
        return new View(
            $h->sender,
            $id,
            $cause,
            $members,
            $index === false ? -1 : $index,
            $cause === Cause::Network ? null : $sets[0][0] ?? null,
            $sets,
            $own,
        );
    }

    public static function id(string $buffer, int $at, bool $bigEndian): ViewId
    {
        $r = new self($buffer, $at, $at + 12, $bigEndian ? 'N' : 'V');
        return new ViewId($r->word(), $r->word(), $r->word());
    }

    /** @return array{list<list<string>>, int} the sets, and which one is the receiver's */
    private function sets(int $members): array
    {
        $count = $this->word();
        $offset = $this->word();
        if ($count < 0 || $count > min(intdiv($this->end - $this->at, 4), $members + self::MAX_EMPTY_SETS)) {
            throw Decoder::damaged("a view of $members members with $count sets");
        }
        $sets = [];
        $own = -1;
        $offset += $this->at;
        for ($i = 0; $i < $count; $i++) {
            if ($this->at === $offset) {
                $own = $i;
            }
            $sets[] = $this->set();
        }
        if ($own < 0) {
            throw Decoder::damaged('a view of which none of the sets is the own one');
        }
        return [$sets, $own];
    }

    /** @return list<string> */
    private function set(): array
    {
        $n = $this->word();
        if ($n < 0 || $n > intdiv($this->end - $this->at, Protocol::NAME_SIZE)) {
            throw Decoder::damaged("a view with a set of $n members that is too short for them");
        }
        $names = Decoder::names($this->buffer, $this->at, $n);
        $this->at += $n * Protocol::NAME_SIZE;
        return $names;
    }

    /** Reads a signed word. */
    private function word(): int
    {
        if ($this->end - $this->at < 4) {
            throw Decoder::damaged('a view with a body that is too short');
        }
        $w = unpack($this->format, $this->buffer, $this->at)[1];
        $this->at += 4;
        return $w >= 0x80000000 ? $w - 0x100000000 : $w;
    }
}
