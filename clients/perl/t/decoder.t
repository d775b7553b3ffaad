use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use SpreadTest;
use Test::More;

use Gospread;

# Decodes a stream in pieces of some size.
sub decode {
    my ($stream, $size, %o) = @_;
    my $d = Gospread::Decoder->new;
    my @events;
    for (my $at = 0; $at < length $stream; $at += $size) {
        ${ $d->buffer } .= substr $stream, $at, $size;
        while (1) {
            my $ready = $d->ready;
            my $m = $d->next;
            die 'ready and next disagree' if $ready != !!$m;
            last if !$m;
            push @events, Gospread::Event->from_message($m, $o{private} || '#me#d1', $o{old});
        }
        die 'missing' if $d->missing <= 0;
    }
    die $d->pending . ' bytes are left' if $d->pending;
    return @events;
}

# Bytes that original daemons and clients were seen to exchange.
my %session;
my $recorded = "$FindBin::Bin/../../../testdata/vectors.json";
if (open my $fh, '<', $recorded) {
    local $/;
    for my $v (@{ JSON::PP::decode_json(<$fh>) }) {
        $v->{bytes} = pack 'H*', $v->{hex};
        push @{ $session{"$v->{scenario}/$v->{session}"} }, $v;
    }
}

SKIP: {
    skip 'the recorded exchanges are in the repository only', 1 if !%session;
    my $seen = 0;
    for my $name (sort keys %session) {
        my ($stream, $private, @want) = ('', '');
        for my $v (@{ $session{$name} }) {
            next if $v->{notes} !~ /groups=/;
            if ($v->{direction} ne 'D>C') {
                $private = unpack 'x4 Z32', $v->{bytes} if $private eq '';
                next;
            }
            $stream .= $v->{bytes};
            my ($note) = split /;/, $v->{notes};
            $note =~ s/ len=\d+// if $note =~ /gid=|^CAUSED_BY_LEAVE from/;
            push @want, $note;
        }
        next if !@want;
        for my $size (1, 7, 48, 1 << 20) {
            my @got = map { describe($_) } decode($stream, $size, private => $private, old => scalar($name =~ /^v3-/));
            is_deeply(\@got, \@want, "$name in pieces of $size") or diag explain \@got;
        }
        $seen += @want;
    }
    cmp_ok($seen, '>', 50, 'messages were looked at');

    $seen = 0;
    for my $v (map { @$_ } values %session) {
        # The client that writes as we do; the others show other things.
        next if $v->{direction} ne 'C>D' || $v->{notes} !~ /groups=/ || ord $v->{bytes} < 0x80;
        for my $m (decode($v->{bytes}, 1 << 20)) {
            next if !@{ $m->groups } || $m->endian_mismatch;
            my $word = $m->flags | ($Gospread::Protocol::SERVICE{ $m->service || '' } || 0) | ($m->self_discard ? 0x40 : 0);
            is(unpack('H*', Gospread::Protocol::message($word, $m->sender, $m->groups, $m->type, $m->data)), $v->{hex}, $v->{notes});
            $seen++;
        }
    }
    cmp_ok($seen, '>', 30, 'messages were written again');
}

sub list { return @_ ? "['" . join("', '", @_) . "']" : '[]' }
sub id { return '(' . join(', ', @{ $_[0]->id }) . ')' }

# Writes an event as the notes of the recording do.
sub describe {
    my ($e) = @_;
    if ($e->is_view) {
        return sprintf "CAUSED_BY_%s|REG_MEMB from '%s' mess_type=0 groups=%s gid=%s sets=[%s] mine=%d",
            uc $e->cause, $e->group, list(@{ $e->members }), id($e), join(', ', map { list(@$_) } @{ $e->sets }), $e->own_set;
    }
    return sprintf "TRANSITION from '%s' mess_type=0 groups=[] gid=%s", $e->group, id($e) if $e->is_transition;
    return sprintf "CAUSED_BY_LEAVE from '%s' mess_type=0 groups=[]", $e->group if $e->is_self_leave;
    my $m = $e->is_rejected ? $e->message : $e;
    my $kind = uc($m->service || '');
    if ($e->is_rejected) {
        $kind = uc "caused_by_" . $e->request if $e->request ne 'multicast';
        $kind .= '|REJECT';
    }
    else {
        $kind .= '|SELF_DISCARD' if $m->self_discard;
        $kind .= sprintf '|0x%x', $m->flags if $m->flags;
    }
    return sprintf "%s from '%s' mess_type=%d groups=%s len=%d",
        $kind, $m->sender, $m->type, list(@{ $m->groups }, $e->is_rejected ? $m->sender : ()), length $m->data;
}

for my $o ('<', '>') {
    my ($m) = decode(wire('data', order => $o, groups => ['g', 'h'], hint => "\0\xff\xf9\0"), 5);
    is_deeply({%$m}, { sender => '#a#d1', groups => ['g', 'h'], service => 'agreed', type => -7, data => 'data', self_discard => 0, endian_mismatch => 1, flags => 0 }, "$o: a big-endian sender");
    ($m) = decode(wire('', order => $o, hint => "\x80\xf9\xff\x80"), 5);
    is_deeply([$m->type, $m->endian_mismatch], [-7, 0], "$o: a little-endian sender");

    my $body = pack "l${o}3 L${o}2 L${o}a32 L${o}a32a32", -5, 7, 3, 2, 36, 1, '#x#d2', 2, '#a#d1', '#me#d1';
    my ($v) = decode(wire($body, order => $o, type => 0x1800, sender => 'g', groups => ['#x#d2', '#a#d1', '#me#d1']), 100);
    is_deeply({%$v}, {
        group => 'g', id => [-5, 7, 3], cause => 'network', members => ['#x#d2', '#a#d1', '#me#d1'], index => 2, changed => undef,
        sets => [['#x#d2'], ['#a#d1', '#me#d1']], own_set => 1,
    }, "$o: a view");
    ($v) = decode(wire(pack("l${o}3 L${o}a32", 1, 2, 3, 1, '#a#d1'), order => $o, type => 0x1400, sender => 'g', groups => ['#me#d1']), 100, old => 1);
    is_deeply([$v->cause, $v->index, $v->changed, $v->sets, $v->own_set], ['disconnect', 0, '#a#d1', [['#a#d1']], 0], "$o: a view of 3.x");
    my ($t, $s) = decode(wire(pack("l${o}3", 1, 2, -3), order => $o, type => 0x2000, sender => 'g', groups => []) . wire('', order => $o, type => 0x200, sender => 'h', groups => []), 100);
    is_deeply([$t->kind, $t->group, $t->id, $s->kind, $s->group], ['transition', 'g', [1, 2, -3], 'self_leave', 'h'], "$o: transition and self-leave");

    my $reject = wire('', order => $o, type => 0x400000, sender => '#me#d1', groups => ['g', '#me#d1']);
    substr $reject, 48, 0, pack "L$o", 0x100 | ($o eq '<' ? 0x80000080 : 0);
    my ($r) = decode($reject, 50);
    is_deeply([$r->kind, $r->request, $r->old_type, $r->message->groups, $r->message->service, $r->message->flags], ['rejected', 'join', 0x100, ['g'], undef, 0], "$o: a rejected join");
}

{
    my $junk = wire('', type => 0x50);
    substr $junk, 48, 32, "\xff\x80 \n\0\0\0junk" . "\0" x 21;
    my ($m) = decode($junk, 1);
    is_deeply([$m->groups, $m->self_discard, $m->flags], [["\xff\x80 \n"], 1, 0], 'names are bytes, junk behind their end is none of them');
    ($m) = decode(wire('x', type => 0x40001004), 99);
    is_deeply([$m->kind, $m->service, $m->flags], ['message', 'fifo', 0x40001000], 'a forged view is a message');
}

{
    my $id = pack 'V3', 1, 2, 3;
    my $view = sub { wire($_[0], type => 0x1100, sender => 'g', groups => []) };
    my $with = sub { my ($b, $at, $n) = @_; substr $b, $at, 4, pack 'V', $n; $b };
    my %damage = (
        'groups'           => $with->(wire('', groups => []), 36, 101),
        'negative groups'  => $with->(wire($id, type => 0x2000, groups => []), 36, -1),
        'data'             => $with->(wire(''), 44, 144001),
        'negative data'    => $with->($view->(''), 44, -1),
        'one mark'         => "\x80\0\0\0" . substr(wire(''), 4),
        'a huge view'      => $with->($view->(''), 44, 9 << 20),
        'no cause'         => wire("\0" x 56, type => 0x1000, groups => []),
        'two causes'       => wire("\0" x 56, type => 0x1300, groups => []),
        'no body'          => $view->(''),
        'an id alone'      => $view->($id),
        'sets'             => $view->($id . pack 'V2', 1 << 30, 0),
        'negative sets'    => $view->($id . pack 'V2', -1, 0),
        'many empty sets'  => $view->($id . pack('V2', 1000, 0) . "\0" x 4000),
        'a set'            => $view->($id . pack('V3', 1, 0, 2) . "\0" x 32),
        'a negative set'   => $view->($id . pack('V3', 1, 0, -1) . "\0" x 32),
        'a set cut off'    => $view->($id . pack('V3', 2, 0, 0)),
        'no own set'       => $view->($id . pack('V3', 1, 4, 1) . "\0" x 32),
        'a short transition' => wire('short', type => 0x2000, groups => []),
    );
    for my $what (sort keys %damage) {
        dies { decode($damage{$what}, 1 << 20) } 'ILLEGAL_MESSAGE', "damaged: $what";
    }
    dies { decode($view->($id . pack('V', 2) . "\0" x 32), 99, old => 1) } 'ILLEGAL_MESSAGE', 'damaged: a view of 3.x';
    dies { decode($view->($id), 99, old => 1) } 'ILLEGAL_MESSAGE', 'damaged: an id alone, of 3.x';
}

SKIP: {
    skip 'no recorded exchanges', 1 if !%session;
    srand 5;
    my @streams = map { my $s = join '', map { $_->{bytes} } grep { $_->{direction} eq 'D>C' && $_->{notes} =~ /groups=/ } @$_; substr $s, 0, 2000 } values %session;
    my %outcome = (fine => 0, damaged => 0);
    local $SIG{__WARN__} = sub { $outcome{warned}++; diag @_ };
    for my $i (0 .. 9999) {
        my $s = $streams[ $i % @streams ];
        next if $s eq '';
        substr $s, int(rand length $s), 1, chr(rand() < 0.25 ? 0xff : int rand 256) for 0 .. rand 4;
        my $d = Gospread::Decoder->new;
        ${ $d->buffer } .= $s;
        my $fine = eval { while (my $m = $d->next) { Gospread::Event->from_message($m, '#me#d1', $i & 1) } 1 };
        die $@ if !$fine && !Gospread::Error::is($@, 'ILLEGAL_MESSAGE');
        $outcome{ $fine ? 'fine' : 'damaged' }++;
    }
    ok($outcome{fine} > 100 && $outcome{damaged} > 100 && !$outcome{warned}, 'damaged bytes do no harm') or diag explain \%outcome;
}

done_testing;
