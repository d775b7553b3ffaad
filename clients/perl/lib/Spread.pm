package Spread;

use 5.030;
use strict;
use warnings;

use Exporter ();
use Scalar::Util ();

use Gospread;

our @ISA     = ('Exporter');
our $VERSION = '5.000001';

# The number and the text of the last error; success does not reset it.
our $sperrno;

# True: views are handed on in the layout of 3.x, whatever the daemon has.
our $OLD_VIEWS = 0;

my %MESS = (
    UNRELIABLE_MESS      => 0x00000001,
    RELIABLE_MESS        => 0x00000002,
    FIFO_MESS            => 0x00000004,
    CAUSAL_MESS          => 0x00000008,
    AGREED_MESS          => 0x00000010,
    SAFE_MESS            => 0x00000020,
    REGULAR_MESS         => 0x0000003f,
    SELF_DISCARD         => 0x00000040,
    CAUSED_BY_JOIN       => 0x00000100,
    CAUSED_BY_LEAVE      => 0x00000200,
    CAUSED_BY_DISCONNECT => 0x00000400,
    CAUSED_BY_NETWORK    => 0x00000800,
    REG_MEMB_MESS        => 0x00001000,
    TRANSITION_MESS      => 0x00002000,
    MEMBERSHIP_MESS      => 0x00003f00,
    REJECT_MESS          => 0x00400000,
    DROP_RECV            => 0x01000000,
);

my %ERROR = (
    ACCEPT_SESSION => 1,
    map { $_ => $Gospread::Error::CODE{$_} } grep { $_ ne 'WOULD_BLOCK' } keys %Gospread::Error::CODE,
);

my %OTHER = (
    ENDIAN_RESERVED     => 0x80000080,
    RESERVED            => 0x003fc000,
    LOW_PRIORITY        => 1,
    MEDIUM_PRIORITY     => 2,
    HIGH_PRIORITY       => 3,
    DEFAULT_SPREAD_PORT => 4803,
    SPREAD_VERSION      => 5 << 24 | 0 << 16 | 1,
    MAX_GROUP_NAME      => 32,
    MAX_PRIVATE_NAME    => 10,
    MAX_PROC_NAME       => 20,
);

use constant SPREAD_TIMEOUT => 3;    # the number of $sperrno if nothing came in time

{
    require constant;
    constant->import({ %MESS, %ERROR, %OTHER });
}

my @SP = map { "SP_$_" } qw(connect join leave multicast receive poll disconnect error version);
{
    no strict 'refs';
    *{"SP_$_"} = \&{$_} for qw(connect join leave multicast receive poll disconnect error version);
}

our %EXPORT_TAGS = (
    SP    => ['$sperrno', @SP],
    MESS  => ['$sperrno', sort keys %MESS],
    ERROR => ['$sperrno', sort keys %ERROR],
);
our @EXPORT    = ('$sperrno', @SP, sort(keys %MESS), sort keys %ERROR);
our @EXPORT_OK = sort keys %OTHER;
$EXPORT_TAGS{all} = [@EXPORT, @EXPORT_OK];

# The connections by the number of their file descriptor.
my %mailbox;

sub _fail {
    my ($e) = @_;
    die $e if !Gospread::Error::is($e);
    $sperrno = Scalar::Util::dualvar($e->code, $e->text);
    return undef;
}

# Makes a call for a mailbox; undefined if it fails.
sub _with {
    my ($mbox, $call) = @_;
    local $@;
    my $result = eval {
        my $c = defined $mbox ? $mailbox{$mbox} : undef;
        $c ? $call->($c) : Gospread::Error->throw('ILLEGAL_SESSION');
    };
    return defined $result ? $result : _fail($@);
}

# What strings are in memory, as the library in C sees them.
sub _raw {
    my ($string) = @_;
    $string = '' if !defined $string;
    utf8::encode($string) if utf8::is_utf8($string) && !utf8::downgrade($string, 1);
    return $string;
}

sub connect {
    my %o = @_ == 1 && ref $_[0] ? %{ $_[0] } : @_;
    my $name = substr _raw($o{private_name}), 0, 10;
    my $c = do {
        local $@;
        eval {
            Gospread->connect(
                _raw($o{spread_name}),
                name       => $name,
                priority   => $o{priority} ? 1 : 0,
                membership => !defined $o{group_membership} || $o{group_membership} ? 1 : 0,
                timeout    => defined $o{timeout} ? $o{timeout} : 30,
                read_ahead => 0,
            );
        } || _fail($@);
    };
    return if !$c;
    my $mbox = $c->fileno;
    $mailbox{$mbox} = $c;
    return wantarray ? ($mbox, $c->private_group) : $mbox;
}

sub join {
    my ($mbox, @groups) = @_;
    return _each($mbox, 'join', @groups);
}

sub leave {
    my ($mbox, @groups) = @_;
    return _each($mbox, 'leave', @groups);
}

sub _each {
    my ($mbox, $method, @groups) = @_;
    return !!_with($mbox, sub {
        my ($c) = @_;
        Gospread::Error->throw('ILLEGAL_GROUP') if !@groups;
        $c->$method(_raw($_)) for map { ref ? @$_ : $_ } @groups;
        return 1;
    });
}

sub multicast {
    my ($mbox, $service, @groups) = @_;
    my $message   = pop @groups;
    my $mess_type = pop @groups;
    return _with($mbox, sub {
        my ($c) = @_;
        my @to = map { substr _raw($_), 0, 31 } map { ref ? @$_ : $_ } @groups;
        # The type is cut to the 16 bits that it has.
        my $type = (($mess_type || 0) & 0xffff ^ 0x8000) - 0x8000;
        $service ||= 0;
        return $c->multicast($service & 0x3f, \@to, _raw($message), type => $type, self_discard => $service & 0x40);
    });
}

sub receive {
    my ($mbox, $timeout) = @_;
    my $result = _with($mbox, sub {
        my ($c) = @_;
        my $m = $c->_receive($timeout);
        return 0 if !$m;
        return eval { _classic($c, $m) } || $c->_lost($@);
    });
    if (!ref $result) {
        $sperrno = Scalar::Util::dualvar(SPREAD_TIMEOUT, 'no message came in time') if defined $result;
        $result = [(undef) x 6];
    }
    return wantarray ? @$result : $result->[-1];
}

# A message as the library in C has it: service type, sender, groups, message
# type, endian mismatch, message.
sub _classic {
    my ($c, $m) = @_;
    my ($type, $sender, $groups, $mess_type, $mismatch, $data, $big, $reject) = @$m;
    if ($reject || $type & Gospread::Protocol::SERVICES || !($type & Gospread::Protocol::MEMBERSHIP)) {
        $type |= Gospread::Protocol::REJECT if $reject;
        return [$type, $sender, $groups, $mess_type, $mismatch, $data];
    }
    my $index = -1;
    if ($type & Gospread::Protocol::REG_MEMB) {
        my $private = $c->private_group;
        ($index) = grep { $groups->[$_] eq $private } 0 .. $#$groups;
        $index = -1 if !defined $index;
        $data = _body($c, $m);
    }
    elsif ($type & Gospread::Protocol::TRANSITION) {
        $data = pack 'l3', @{ Gospread::View::id_of($data, $big) };
    }
    return [$type, $sender, $groups, $index, 0, $data];
}

# The body of a view, its integers in the order of this machine.
sub _body {
    my ($c, $m) = @_;
    my $old = ($c->daemon_version)[0] == 3;
    my ($id, $sets, $own) = Gospread::View::body($m, $old);
    my @sets = map { pack 'L(a32)*', scalar @$_, @$_ } $old || $OLD_VIEWS ? $sets->[$own] : @$sets;
    return pack 'l3a*', @$id, $sets[0] if $old || $OLD_VIEWS;
    my $offset = 0;
    $offset += length for @sets[0 .. $own - 1];
    return pack 'l3L2(a*)*', @$id, scalar @sets, $offset, @sets;
}

sub poll {
    my ($mbox) = @_;
    return _with($mbox, sub { $_[0]->poll });
}

sub disconnect {
    my ($mbox) = @_;
    return !!_with($mbox, sub {
        delete $mailbox{$mbox};
        return $_[0]->close;
    });
}

# The text of an error number; of the last error without one.
sub error {
    my ($n) = @_;
    $n = $sperrno if !defined $n;
    return '' if !defined $n;
    return $n == SPREAD_TIMEOUT ? 'no message came in time' : $Gospread::Error::TEXT{ 0 + $n } || "unknown error $n";
}

# The release of Spread whose protocol this is.
sub version { return CORE::join '.', @Gospread::Protocol::SPEAKS }

1;

__END__

=encoding utf8

=head1 NAME

Spread - the classic functions of the Spread toolkit, without its library

=head1 SYNOPSIS

    use Spread qw(:SP :MESS :ERROR);

    my ($mbox, $private_group) = Spread::connect({ spread_name => '4803@host', private_name => 'me' })
        or die $sperrno;
    Spread::join($mbox, 'chat') or die $sperrno;
    Spread::multicast($mbox, AGREED_MESS, 'chat', 0, 'hello');
    my ($service_type, $sender, $groups, $mess_type, $endian, $message) = Spread::receive($mbox, 1.5);
    Spread::disconnect($mbox);

=head1 DESCRIPTION

For programs written for the module of this name that is an interface to the library
in C. New programs have more comfort with L<Gospread>, on which this is built.

If a function fails, C<$sperrno> holds the number of the error, and in string context
its text. Success does not reset it.

=head1 FUNCTIONS

=over

=item Spread::connect(\%options), Spread::connect(%options)

C<spread_name> (C<PORT@HOST>, or C<PORT> for the Unix socket of this machine; default
4803), C<private_name>, C<priority>, C<group_membership> (default 1), and C<timeout> in
seconds (default 30). Returns the mailbox and the private group, in scalar context the
mailbox; nothing if it fails.

The mailbox is the number of a file descriptor, for C<select>, event loops and
C<fdopen>. Nothing is read ahead: it is readable if and only if there is more to
receive. Close it with C<disconnect> only.

=item Spread::join($mbox, @groups), Spread::leave($mbox, @groups)

1 on success, else the empty string.

=item Spread::multicast($mbox, $service_type, @groups, $mess_type, $message)

Groups also as array references. Returns the bytes of the message, which may be 0;
undef if it fails.

=item Spread::receive($mbox [, $seconds])

Waits for ever without C<$seconds>. If nothing comes in time, C<$sperrno> is 3 and
nothing is lost. Returns

    (service type, sender, \@groups, message type, endian mismatch, message)

or in scalar context the message; all of it is undefined if there is none.

For a view, sender is the group, groups are the members, the message type is the
index of this client among them (or -1), and the message is the body in the byte
order of this machine: three numbers of the view's id (C<l3>), then for daemons of
4.x and later the number of sets and the offset of the own one (C<L2>) and the sets,
for those of 3.x the own set; a set is a number (C<L>) and so many names (C<a32>).

Programs that know the layout of 3.x only set C<$Spread::OLD_VIEWS = 1>; then they get
that from all daemons.

=item Spread::poll($mbox)

How many bytes could be received, up to 256 KiB; undef if it fails.

=item Spread::disconnect($mbox)

1 on success, else the empty string.

=item Spread::error([$number]), Spread::version()

The text of an error; the release of Spread whose protocol this is, as C<5.0.1>.

=back

=head1 EXPORTS

By default all of C<:SP> (the functions as C<SP_connect>, C<SP_join>, ...), C<:MESS> (the
service types C<AGREED_MESS>, C<CAUSED_BY_JOIN>, ...) and C<:ERROR> (the errors
C<CONNECTION_CLOSED>, ...). Each has C<$sperrno>, too. One by one also C<LOW_PRIORITY>,
C<MEDIUM_PRIORITY>, C<HIGH_PRIORITY>, C<DEFAULT_SPREAD_PORT>, C<SPREAD_VERSION>,
C<MAX_GROUP_NAME>, C<MAX_PRIVATE_NAME>, C<MAX_PROC_NAME>, C<ENDIAN_RESERVED>, C<RESERVED>;
C<:all> is everything.

=head1 DIFFERENCES

After a lost connection every call gives CONNECTION_CLOSED until C<disconnect>. Zero
groups, two services at once and messages that are too long are refused where the
original loses the connection. A reference to an array of one group may be given to
C<multicast>. The descriptor is in non-blocking mode. A daemon that takes nothing for
30 seconds gives -25, and the message is not sent. Of strings
with a character above 255 the bytes in UTF-8 are sent, of all others the characters as
bytes, however Perl holds them.

=head1 LICENSE

Apache License 2.0.

=cut
