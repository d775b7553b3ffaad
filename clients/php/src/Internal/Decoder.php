<?php

declare(strict_types=1);

namespace Gospread\Internal;

use Gospread\ErrorCode;
use Gospread\Event;
use Gospread\Message;
use Gospread\ProtocolException;
use Gospread\Rejected;
use Gospread\Request;
use Gospread\SelfLeave;
use Gospread\Service;
use Gospread\Transition;

/**
 * Makes events of the bytes that a daemon sends (client protocol 3 and 5), however
 * they are cut up.
 *
 * @internal
 */
final class Decoder
{
    /** Bounds what a daemon can make the client hold. Only views with 100,000 members come near it. */
    public const MAX_MESSAGE = 8 << 20;

    private string $buffer = '';
    private int $at = 0;
    /** From $at on, so many bytes are needed before next() can do anything. */
    private int $need = Protocol::HEADER_SIZE;

    /** @param bool $oldViews the daemon is of 3.x and writes views as those did */
    public function __construct(
        private readonly string $privateGroup,
        private readonly bool $oldViews,
    ) {
    }

    public function feed(string $bytes): void
    {
        if ($this->at > 0) {
            $this->buffer = substr($this->buffer, $this->at);
            $this->at = 0;
        }
        $this->buffer .= $bytes;
    }

    /** Forgets what has not been decoded. */
    public function drop(): void
    {
        $this->buffer = '';
        $this->at = 0;
        $this->need = Protocol::HEADER_SIZE;
    }

    /** Returns how many bytes wait to be decoded. */
    public function pending(): int
    {
        return strlen($this->buffer) - $this->at;
    }

    /** Tells whether next() has something to return or to throw. */
    public function ready(): bool
    {
        if ($this->pending() < $this->need) {
            return false;
        }
        try {
            return $this->pending() >= $this->need = $this->header()->size();
        } catch (ProtocolException) {
            return true;
        }
    }

    /**
     * Returns the next event, or null if more bytes are needed.
     *
     * @throws ProtocolException the stream is lost
     */
    public function next(): ?Event
    {
        $have = strlen($this->buffer) - $this->at;
        if ($have < $this->need) {
            return null;
        }
        $header = $this->header();
        $size = $header->size();
        if ($have < $size) {
            $this->need = $size;
            return null;
        }
        $this->need = Protocol::HEADER_SIZE;
        $body = $this->at + Protocol::HEADER_SIZE;
        $this->at += $size;
        return $this->event($header, $body);
    }

    /** Reads and checks the header at the front. */
    private function header(): Header
    {
        $h = Header::read($this->buffer, $this->at);
        $size = $h->size();
        if ($h->type & Protocol::SERVICES && ($h->groups > Protocol::MAX_GROUPS || $h->length > Protocol::MAX_DATA) || $size > self::MAX_MESSAGE) {
            throw self::damaged("a message with $h->groups groups and $h->length bytes of data");
        }
        return $h;
    }

    private function event(Header $h, int $at): Event
    {
        $type = $h->type;
        if ($type & Protocol::REJECT) {
            return $this->rejected($h, $at);
        }
        // With a service it is data, whatever else is set: clients could forge the rest.
        if ($type & Protocol::SERVICES) {
            return $this->message($h, $type, $at);
        }
        if ($type & Protocol::REG_MEMB) {
            return ViewReader::read($this->buffer, $at, $h, $this->privateGroup, $this->oldViews);
        }
        if ($type & Protocol::TRANSITION) {
            if ($h->length < 12) {
                throw self::damaged("a transitional signal of $h->length bytes");
            }
            return new Transition($h->sender, ViewReader::id($this->buffer, $at + $h->groups * Protocol::NAME_SIZE, $h->bigEndian));
        }
        if (($type & Protocol::MEMBERSHIP) === Protocol::CAUSED_BY_LEAVE) {
            return new SelfLeave($h->sender);
        }
        return $this->message($h, $type, $at);
    }

    private function message(Header $h, int $type, int $at): Message
    {
        $groups = self::names($this->buffer, $at, $h->groups);
        $bit = $type & Protocol::SERVICES;
        if ($bit & ($bit - 1)) {
            // No daemon lets several services pass; the strongest counts.
            $bit = 1 << strlen(decbin($bit)) - 1;
        }
        return new Message(
            $h->sender,
            $groups,
            Service::tryFrom($bit),
            $h->messType,
            substr($this->buffer, $at + $h->groups * Protocol::NAME_SIZE, $h->length),
            ($type & Protocol::SELF_DISCARD) !== 0,
            $h->hintBigEndian,
            $type & ~(Protocol::SELF_DISCARD | $bit),
        );
    }

    private function rejected(Header $h, int $at): Rejected
    {
        $old = unpack($h->bigEndian ? 'N' : 'V', $this->buffer, $at)[1] & ~Protocol::LITTLE_ENDIAN;
        $request = Request::Multicast;
        $type = $old;
        if (!($old & Protocol::SERVICES)) {
            if ($old & Protocol::CAUSED_BY_JOIN) {
                $request = Request::Join;
            } elseif ($old & Protocol::CAUSED_BY_LEAVE) {
                $request = Request::Leave;
            }
            $type &= ~Protocol::CAUSES;
        }
        $m = $this->message($h, $type, $at + 4);
        // The daemon adds the private group of this client to the names.
        $groups = $m->groups;
        if ($groups !== [] && end($groups) === $this->privateGroup) {
            array_pop($groups);
        }
        return new Rejected(
            $request,
            new Message($m->sender, $groups, $m->service, $m->type, $m->data, $m->selfDiscard, $m->endianMismatch, $m->flags),
            $old,
        );
    }

    /** @return list<string> */
    public static function names(string $buffer, int $at, int $count): array
    {
        if ($count === 1) {
            return [unpack('Z32', $buffer, $at)[1]];
        }
        $names = [];
        for ($end = $at + $count * Protocol::NAME_SIZE; $at < $end; $at += Protocol::NAME_SIZE) {
            $names[] = unpack('Z32', $buffer, $at)[1];
        }
        return $names;
    }

    public static function damaged(string $what): ProtocolException
    {
        return new ProtocolException(ErrorCode::IllegalMessage, "the daemon sent what cannot be right, and the connection was given up: $what");
    }
}
