# With a real daemon.
use strict;
use warnings;

use File::Basename qw(basename dirname);
use FindBin;
use lib "$FindBin::Bin/lib";
use SpreadTest;
use Test::More;

use Gospread;

my $daemon = daemon();

sub client { return Gospread->connect($daemon, @_) }

# The next event, which must be of this kind.
sub event {
    my ($c, $kind) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $e = $c->receive(10);
    is($e ? $e->kind : 'timeout', $kind, "a $kind") or BAIL_OUT('nothing makes sense behind it');
    return $e;
}

{
    my $c = client(name => substr unique('a'), 0, 10);
    my $g = unique('g');
    $c->join($g);
    event($c, 'view');
    my $type = -3;
    for my $service (qw(unreliable reliable fifo causal agreed safe)) {
        $c->multicast($service => $g, "data $type", type => $type);
        is_deeply({ %{ event($c, 'message') } }, {
            sender => $c->private_group, groups => [$g], service => $service, type => $type, data => "data $type",
            self_discard => 0, endian_mismatch => 0, flags => 0,
        }, $service);
        $type++;
    }
    $c->close;
}

{
    my ($c, $d) = (client(), client());
    my $g = unique('g');
    my @both = map { $_->private_group } $c, $d;
    $c->join($g);
    my $v = event($c, 'view');
    is_deeply([$v->group, $v->cause, $v->members, $v->index, $v->changed, $v->sets, $v->own_set], [$g, 'join', [$both[0]], 0, $both[0], [[$both[0]]], 0], 'the first member');
    $d->join($g);
    my @id;
    for my $me ($c, $d) {
        $v = event($me, 'view');
        push @id, $v->id;
        is_deeply([$v->cause, $v->changed, [sort @{ $v->members }]], ['join', $both[1], [sort @both]], 'the second member');
        is($v->members->[$v->index], $me->private_group, 'who I am');
    }
    is_deeply($id[0], $id[1], 'both see the same view');
    $d->leave($g);
    is(event($d, 'self_leave')->group, $g, 'the leave is done');
    $v = event($c, 'view');
    is_deeply([$v->cause, $v->changed, $v->members], ['leave', $both[1], [$both[0]]], 'the other sees it');
    $d->join($g);
    event($c, 'view');
    $d->abort;
    $v = event($c, 'view');
    is_deeply([$v->cause, $v->changed, $v->members], ['disconnect', $both[1], [$both[0]]], 'a disconnect');
    $c->close;
}

{
    my $c = client(membership => 0);
    my $g = unique('g');
    $c->join($g);
    $c->multicast(agreed => $g, 'x');
    is(event($c, 'message')->data, 'x', 'no views if none are wanted');
    $c->close;
}

{
    my ($c, $d) = (client(), client());
    my @g = (unique('g'), unique('h'));
    $c->join($_), event($c, 'view') for @g;
    # Once, to whoever is in several; self-discard is not for others.
    my @to = (@g[1, 0], $d->private_group, "nobody\xff");
    $d->multicast(agreed => \@to, 'many', self_discard => 1);
    $d->multicast(agreed => $c->private_group, 'one');
    my $m = event($c, 'message');
    is_deeply([$m->data, $m->groups, $m->self_discard], ['many', \@to, 1], 'several groups');
    is(event($c, 'message')->data, 'one', 'a private message');
    $d->multicast(agreed => [($d->private_group) x 2], 'self');
    is(event($d, 'message')->data, 'self', 'its own, but not the one with self-discard');
    is($d->receive(0), undef, 'and once');
    $c->multicast(agreed => [($g[0]) x 100], 'hundred');
    is(@{ event($c, 'message')->groups }, 100, 'a hundred groups');
    $_->close for $c, $d;
}

{
    my $c = client();
    for my $size (0, 1, 1432, 65536, 143920) {
        my $data = substr join('', map { chr } 0 .. 255) x 563, 0, $size;
        is($c->multicast(safe => $c->private_group, $data), $size, "$size bytes");
        ok(event($c, 'message')->data eq $data, 'they come back as they were');
    }
    $c->multicast(agreed => $c->private_group, $_) for 1 .. 900;
    is(join(' ', map { $c->receive(10)->data } 1 .. 900), join(' ', 1 .. 900), 'many in order');
    is($c->receive(0), undef, 'and no more');
    $c->close;
}

{
    my $name = substr unique('p'), 0, 10;
    my $c = client(name => $name);
    is($c->name, $name, 'the name');
    dies { client(name => $name) } 'REJECT_NOT_UNIQUE';
    like($@, qr/\Q($name)\E at .*live\.t line \d+\.$/, 'it tells which, and where');
    $c->close;
    $c = client(name => $name);
    ok($c, 'the name is free as soon as close has returned');
    my $d;
    for my $i (1 .. 20) {
        $d = client();
        $d->multicast(fifo => [map { $_->private_group } $c, $d], "last $i");
        $i % 2 ? $d->close : $d->abort;
        my $m = $c->receive(10);
        is($m && $m->data, "last $i", 'what was sent before the end is delivered');
    }
    $c->close;
}

for my $ahead (0, 1) {
    my $c = client(read_ahead => $ahead);
    my $readable = sub { vec(my $bits = '', $c->fileno, 1) = 1; scalar select $bits, undef, undef, $_[0] };
    is_deeply([$c->poll, $c->ready, $readable->(0)], [0, 0, 0], "nothing yet, read_ahead $ahead");
    $c->multicast(agreed => $c->private_group, $_) for 'one', 'two';
    is($readable->(10), 1, 'the handle is readable');
    my $poll = 0;
    # What is read ahead is not readable any more, and there may be more to come.
    while (($poll = $c->poll) < 166) { $readable->(10) }
    is($poll, 166, 'both are there');
    is($c->receive->data, 'one', 'the first');
    is_deeply([$c->poll, $readable->(0)], [83, $ahead ? 0 : 1], 'the second is where it should be');
    is($c->receive(0)->data, 'two', 'the second');
    is_deeply([$c->poll, $c->ready, $readable->(0)], [0, 0, 0], 'nothing more');
    $c->close;
}

SKIP: {
    my $socket = $ENV{SPREAD_TEST_SOCKET} or skip 'SPREAD_TEST_SOCKET is not set', 2;
    my $path = Gospread->connect("unix:$socket");
    my $port = Gospread->connect(basename($socket), socket_dirs => ['/nonexistent', dirname $socket]);
    $path->multicast(agreed => $port->private_group, 'x');
    is(event($port, 'message')->sender, $path->private_group, 'Unix sockets');
    $_->close for $path, $port;
}

{
    my ($port) = split /\@/, $daemon;
    my $c = Gospread->connect($port, socket_dirs => ['/nonexistent']);
    isa_ok($c->fh, 'IO::Socket::IP', 'what there is without a socket');
    my $pid = fork;
    die $! if !defined $pid;
    if (!$pid) {
        # The end of a program, but for what belongs to the test.
        undef $c;
        require POSIX;
        POSIX::_exit(0);
    }
    waitpid $pid, 0;
    $c->multicast(agreed => $c->private_group, 'still here');
    is(event($c, 'message')->data, 'still here', 'the end of a child does no harm');
    $c->close;
}

done_testing;
