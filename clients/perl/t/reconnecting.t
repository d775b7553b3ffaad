use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use SpreadTest;
use Test::More;

use Gospread::Reconnecting;

# Over these daemons, one for each connection; behind the last nobody answers.
sub over {
    my ($daemons, %o) = @_;
    my $connect = sub { Gospread->connect(shift @$daemons || '1@127.0.0.1', name => 'me') };
    return Gospread::Reconnecting->new($connect, send_timeout => 10, min_delay => 0.001, max_delay => 0.01, %o);
}

sub kind_of { return $_[0] ? $_[0]->kind : 'nothing' }

{
    my $c = over([accepting([[send => wire('one') . wire('two')]]), accepting([['hang']])]);
    is($c->receive(10)->data, 'one', 'the first connection');
    dies { $c->multicast(fifo => 'g', 'x' x 100_000) for 1 .. 1000 } 'CONNECTION_CLOSED', 'the message that meets the loss is in doubt';
    is($c->multicast(fifo => 'g', 'x'), 1, 'the next one finds a new connection');
    is($c->receive(10)->data, 'two', 'what had arrived comes first');
    my $e = $c->receive(10);
    is_deeply([$e->kind, $e->is_reconnected, $e->private_group], ['reconnected', 1, '#me#d1'], 'the program is told');
    is($c->receive(0), undef, 'nothing more');
    $c->close;
    dies { $c->receive } 'ILLEGAL_SESSION';
    dies { $c->multicast(fifo => 'g', 'x') } 'ILLEGAL_SESSION';
    dies { $c->join('g') } 'ILLEGAL_SESSION';
    ok($c->close, 'closing again does nothing');
}

# Sends until the connection is lost.
sub meet_loss {
    my ($c) = @_;
    return dies { $c->multicast(fifo => 'g', 'x' x 100_000) for 1 .. 1000 } 'CONNECTION_CLOSED', 'a loss that only the sender meets';
}

# All that there is at once: texts of messages, and kinds of others.
sub what_is_there {
    my ($c) = @_;
    my @got;
    while (my $e = $c->receive(0)) { push @got, $e->is_message ? $e->data : $e->kind }
    return \@got;
}

{
    my $c = over([map { accepting([[send => wire($_)]]) } qw(one two three)]);
    meet_loss($c) for 1 .. 3;
    is_deeply(what_is_there($c), ['one', 'reconnected', 'two', 'reconnected', 'three'], 'several losses lose nothing that had come, nor the news of them');
    $c = over([map { accepting([[send => wire($_)]]) } 1 .. 10]);
    meet_loss($c) for 1 .. 10;
    is_deeply([grep { /\d/ } @{ what_is_there($c) }], [3 .. 10], 'what is kept is bounded');
    $c->close;
    is(Gospread::Reconnecting->new(sub { Gospread->connect(accepting([]), name => 'me') })->{max_delay}, 5, 'the longest pause, in seconds');
}

{
    # What the second daemon gets: two groups, in their order, without the one that was left.
    my $second = accepting([[read => 160], ['hang']]);
    my $c = over([accepting([[read => 80 * 4]]), $second]);
    $c->join($_) for qw(a b c);
    $c->leave('b');
    dies { $c->join('no group') } 'ILLEGAL_GROUP';
    is(kind_of($c->receive(10)), 'reconnected', 'made again');
    $c->close(0);
    my $join = sub { Gospread::Protocol::message(Gospread::Protocol::JOIN, '#me#d1', [$_[0]], 0, '') };
    is(substr(finished($second), 7 + 90, 160), $join->('a') . $join->('c'), 'its groups are joined again');
}

{
    dies { over([]) } 'COULD_NOT_CONNECT', 'the first connection must succeed';
    my $d = accepting([]);
    my $c = over([$d], send_timeout => 0.05);
    finished($d); # it has closed the connection
    is($c->receive(0.05), undef, 'no connection, no event');
    dies { $c->multicast(fifo => 'g', 'x') } 'CONNECTION_CLOSED';
    like($@, qr/not been sent/, 'it is sure that it is not sent');
    ok($c->join('later') && $c->leave('later'), 'for the next connection');
    is($c->receive(0), undef, 'still none');
}

{
    my $nonsense = accepting([[send => "\xff" x 48], ['hang']]);
    my $in_use = fake([[read => 7], [send => "\xfa"]]);
    my $silent = fake([[read => 7]]);
    my $c = over([$nonsense, $in_use, $silent, accepting([['hang']])]);
    is(kind_of($c->receive(10)), 'reconnected', 'after nonsense, a name in use and a daemon that is not ready');
    $c = over([accepting([]), fake([[read => 7], [send => "\xf7"]])]);
    dies { $c->receive(10) } 'REJECT_AUTH', 'refused for good';
    my @daemons = (accepting([]), accepting([]));
    $c = Gospread::Reconnecting->new(sub { $c->close if $c; Gospread->connect(shift @daemons, name => 'me') });
    dies { $c->receive(10) } 'ILLEGAL_SESSION', 'closed while it connects';
    like(eval { over([], delay => 1) } || $@, qr/no option delay at .*reconnecting\.t/, 'a wrong option');
}

SKIP: {
    my $program = $ENV{SPREAD_TEST_SPREAD} or skip 'SPREAD_TEST_SPREAD is not set', 1;
    my $daemon = SpreadTest::RealDaemon->new($program);
    my $c = Gospread::Reconnecting->new(sub { Gospread->connect($daemon->name, name => 'me') }, send_timeout => 20, min_delay => 0.01, max_delay => 0.1);
    $c->join('g');
    $c->multicast(agreed => 'g', 'before');
    is(kind_of($c->receive(10)), 'view', 'joined');
    is($c->receive(10)->data, 'before', 'the daemon works');
    $daemon->kill;
    is($c->receive(0.05), undef, 'it does not any more');
    $daemon->start;
    is(kind_of($c->receive(20)), 'reconnected', 'a new connection');
    my $v = $c->receive(10);
    is_deeply([$v->group, $v->members], ['g', [$c->private_group]], 'in its group again');
    $daemon->kill;
    # A program that only sends.
    dies { 1 while defined $c->multicast(agreed => 'g', 'lost') } 'CONNECTION_CLOSED';
    $daemon->start;
    $c->multicast(agreed => 'g', 'after');
    my (%kind, $e);
    while ($e = $c->receive(10)) {
        $kind{ $e->kind }++;
        last if $e->is_message && $e->data eq 'after';
    }
    ok($e, 'what is sent then arrives');
    is($kind{reconnected}, 1, 'the program is told');
    $c->close;
}

done_testing;
