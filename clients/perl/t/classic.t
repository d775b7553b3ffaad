# The classic functions, as programs of old use them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use SpreadTest;
use Test::More;

use Spread qw(:SP :MESS :ERROR REJECT_MESS MAX_GROUP_NAME DEFAULT_SPREAD_PORT);

# What a call of a function gives, with the error if that is nothing.
sub fails {
    my ($number, $what, @result) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(join('', grep { defined } @result), '', "$what gives nothing");
    cmp_ok($sperrno, '==', $number, "$what gives $number");
    like($sperrno, qr/[a-z]{3}/, '... with a text');
    return;
}

# An old program has no other words for what it imports.
is_deeply(
    [AGREED_MESS, REGULAR_MESS, CAUSED_BY_NETWORK, MEMBERSHIP_MESS, ACCEPT_SESSION, REJECT_NOT_UNIQUE, NET_ERROR_ON_SESSION, REJECT_MESS, MAX_GROUP_NAME, DEFAULT_SPREAD_PORT],
    [0x10, 0x3f, 0x800, 0x3f00, 1, -6, -18, 0x400000, 32, 4803], 'constants',
);
is(SP_version(), '5.0.1', 'the version');
is(SP_error(-6), $Gospread::Error::TEXT{-6}, 'the text of an error');
like(Spread::error(-99), qr/-99/, 'of one that there is not');
{
    package Program;
    Spread->import;
    no strict 'refs';
    main::ok(defined &{"Program::$_"}, "$_ comes without asking") for qw(SAFE_MESS CONNECTION_CLOSED SP_connect);
    main::ok(!defined &Program::RESERVED, 'RESERVED does not');
}

{
    my @result = (Spread::join(1), Spread::leave(1, 'g'), Spread::disconnect(1), Spread::multicast(1, SAFE_MESS, 'g', 0, ''), Spread::poll(1));
    is_deeply(\@result, ['', '', '', undef, undef], 'each failure is one value, as it has always been');
}
fails(-2, 'connect to nobody', Spread::connect(spread_name => '1@127.0.0.1'));
fails(-1, 'connect to nonsense', Spread::connect({ spread_name => 'x' }));
fails(-5, 'an illegal name', Spread::connect({ spread_name => '1@127.0.0.1', private_name => 'a b' }));
for my $mbox (undef, 12345, 'x') {
    no warnings;
    my $shown = defined $mbox ? $mbox : 'undef';
    fails(-11, "join of mailbox $shown", Spread::join($mbox, 'g'));
    fails(-11, "leave of mailbox $shown", Spread::leave($mbox, 'g'));
    fails(-11, "multicast of mailbox $shown", Spread::multicast($mbox, SAFE_MESS, 'g', 0, 'x'));
    fails(-11, "receive of mailbox $shown", Spread::receive($mbox, 0));
    fails(-11, "poll of mailbox $shown", Spread::poll($mbox));
    fails(-11, "disconnect of mailbox $shown", Spread::disconnect($mbox));
}

# Views as bodies in the order of this machine, whatever the daemon's.
for my $o ('<', '>') {
    my $sets = sub { pack "L$_[0] a32 L$_[0] a32 a32", 1, '#x#d2', 2, '#a#d1', '#me#d1' };
    my $view = wire(pack("l${o}3 L${o}2", -5, 7, 3, 2, 36) . $sets->($o), order => $o, type => 0x1800, sender => 'g', groups => ['#x#d2', '#a#d1', '#me#d1']);
    my $signal = wire(pack("l${o}3", -5, 7, 2), order => $o, type => 0x2000, sender => 'g', groups => []);
    my $reject = wire('no', order => $o, type => 0x400000, sender => '#me#d1', groups => ['g', '#me#d1'], hint => "\0\0\7\0");
    substr $reject, 48, 0, pack "L$o", 0x10 | ($o eq '<' ? 0x80000080 : 0);
    my ($mbox, $private) = Spread::connect({ spread_name => accepting([[send => "$signal$view$view$reject"], ['hang']]), private_name => 'me' });
    is($private, '#me#d1', 'the private group');

    is_deeply([Spread::receive($mbox, 10)], [0x2000, 'g', [], -1, 0, pack 'l3', -5, 7, 2], "$o: a transitional signal");
    my @view = ([0x1800, 'g', ['#x#d2', '#a#d1', '#me#d1'], 2, 0], pack('l3 L2', -5, 7, 3, 2, 36) . $sets->(''));
    my @got = Spread::receive($mbox, 10);
    is_deeply([[@got[0 .. 4]], $got[5]], \@view, "$o: a view");
    {
        local $Spread::OLD_VIEWS = 1;
        @got = Spread::receive($mbox, 10);
        is_deeply([unpack 'l3 L (Z32)*', $got[5]], [-5, 7, 3, 2, '#a#d1', '#me#d1'], "$o: as of old");
    }
    is_deeply([Spread::receive($mbox, 10)], [0x400010, '#me#d1', ['g', '#me#d1'], 7, 1, 'no'], "$o: a reject");
    Spread::disconnect($mbox);

    $view = wire(pack("l${o}3 L${o} a32", 1, 2, 3, 1, '#a#d1'), order => $o, type => 0x1100, sender => 'g', groups => ['#me#d1', '#a#d1']);
    $mbox = Spread::connect({ spread_name => accepting([[send => $view . wire('', type => 0x1100)]], "\3\x11\3"), private_name => 'me' });
    @got = Spread::receive($mbox);
    is_deeply([$got[3], unpack 'l3 L (Z32)*', $got[5]], [0, 1, 2, 3, 1, '#a#d1'], "$o: a view of 3.x");
    fails(-13, 'nonsense', Spread::receive($mbox)) for 1 .. 2;
    ok(Spread::disconnect($mbox), 'the end');
}

for my $causes (0, 0x300) {
    my $view = wire(pack('l<3 L<2 L< a32', 1, 2, 3, 1, 0, 1, '#me#d1'), type => 0x1000 | $causes, sender => 'g', groups => ['#me#d1']);
    my ($mbox) = Spread::connect({ spread_name => accepting([[send => $view]]), private_name => 'me' });
    fails(-13, 'a view without exactly one cause', Spread::receive($mbox));
    Spread::disconnect($mbox);
}

{
    my ($mbox) = Spread::connect({ spread_name => accepting([[send => wire('one')]]), private_name => 'me' });
    is((Spread::receive($mbox))[5], 'one', 'what came before the loss');
    fails(-8, 'receive after the loss', Spread::receive($mbox)) for 1 .. 2;
    fails(-8, 'poll after the loss', Spread::poll($mbox));
    fails(-8, 'join after the loss', Spread::join($mbox, 'g'));
    is(Spread::disconnect($mbox), 1, 'and disconnect');
    fails(-11, 'receive after disconnect', Spread::receive($mbox));
}

SKIP: {
    my $daemon = $ENV{SPREAD_TEST_DAEMON} or skip 'SPREAD_TEST_DAEMON is not set', 1;
    my $name = substr unique('classic'), -10;
    my ($mbox, $private) = Spread::connect({ spread_name => $daemon, private_name => "${name}long", priority => 1 });
    like($private, qr/^#\Q$name\E#/, 'names are cut');
    fails(-6, 'the same name', Spread::connect(spread_name => $daemon, private_name => $name));
    my $other = Spread::connect(spread_name => $daemon, group_membership => 0);
    ok($other > 2 && $other != $mbox, 'another, with a name of the daemon');
    my @g = map { unique('g') } 1 .. 3;

    my @joined = grep { Spread::join($mbox, $_) } @g;
    is_deeply(\@joined, \@g, 'joins');
    for my $g (@g) {
        my ($service, $sender, $groups, $index, $mismatch, $body) = SP_receive($mbox);
        is_deeply([$service, $sender, $groups, $index, $mismatch], [REG_MEMB_MESS | CAUSED_BY_JOIN, $g, [$private], 0, 0], 'the view');
        is((unpack 'l3 L2 L Z32', $body)[6], $private, 'who joined');
    }
    is(Spread::poll($mbox), 0, 'nothing more');
    fails(3, 'receive in time', Spread::receive($mbox, 0.02));
    fails(3, 'receive at once', Spread::receive($mbox, 0));
    fails(3, 'receive of the message alone', scalar Spread::receive($mbox, 0));
    is_deeply([Spread::receive($mbox, 0)], [(undef) x 6], 'loops over lists go on when nothing comes in time');

    # Groups in all the ways there are.
    local $@ = 'kept';
    is(Spread::multicast($other, AGREED_MESS, $g[0], 7, 'one'), 3, 'one group');
    is(Spread::multicast($other, SAFE_MESS, @g, -7, 'list'), 4, 'several');
    is(Spread::multicast($other, FIFO_MESS | SELF_DISCARD, \@g, 0x18000, 'array'), 5, 'in an array');
    is(Spread::multicast($other, FIFO_MESS, [$private], 0, ''), 0, 'an array of one, and nothing in it');
    is($@, 'kept', 'what programs see of errors is left alone');
    my @got = map { [(Spread::receive($mbox, 10))[0, 1, 2, 3, 5]] } 1 .. 4;
    my $sender = $got[0][1];
    is_deeply(\@got, [
        [AGREED_MESS, $sender, [$g[0]], 7, 'one'], [SAFE_MESS, $sender, \@g, -7, 'list'],
        [FIFO_MESS | SELF_DISCARD, $sender, \@g, -0x8000, 'array'], [FIFO_MESS, $sender, [$private], 0, ''],
    ], 'they come as they were sent') or diag explain \@got;

    fails(-12, 'no service', Spread::multicast($mbox, 0, 'g', 0, 'x'));
    fails(-12, 'two services', Spread::multicast($mbox, 3, 'g', 0, 'x'));
    fails(-14, 'no group', Spread::multicast($mbox, SAFE_MESS, [], 0, 'x'));
    fails(-14, 'an illegal group', Spread::join($mbox, 'a b'));
    fails(-17, 'too much', Spread::multicast($mbox, SAFE_MESS, 'g', 0, 'x' x 144001));

    # The mailbox is a descriptor, readable if and only if there is something to receive.
    Spread::multicast($other, RELIABLE_MESS, $private, 0, $_) for 1 .. 3;
    open my $fh, '<&=', $mbox or die $!;
    for my $want (1 .. 3) {
        vec(my $bits = '', fileno $fh, 1) = 1;
        is(scalar select($bits, undef, undef, 10), 1, 'readable');
        is(scalar Spread::receive($mbox, 0), $want, 'a message at a time');
    }
    vec(my $bits = '', fileno $fh, 1) = 1;
    is(scalar select($bits, undef, undef, 0), 0, 'not readable any more');

    ok(Spread::leave($mbox, $g[0]), 'leave');
    is_deeply([(Spread::receive($mbox, 10))[0, 1]], [CAUSED_BY_LEAVE, $g[0]], 'the end of membership');
    is(Spread::disconnect($_), 1, 'disconnect') for $mbox, $other;
    fails(-11, 'disconnect again', Spread::disconnect($mbox));
}

done_testing;
