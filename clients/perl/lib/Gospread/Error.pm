package Gospread::Error;

use strict;
use warnings;

use Scalar::Util ();

use overload
    '""'     => sub { "$_[0]{text}$_[0]{where}\n" },
    '0+'     => sub { $_[0]->code },
    'bool'   => sub { 1 },
    fallback => 1;

our $VERSION = '1.000';

# The numbered errors of the protocol and its libraries (client protocol 8.1).
our %CODE = (
    ILLEGAL_SPREAD       => -1,
    COULD_NOT_CONNECT    => -2,
    REJECT_QUOTA         => -3,
    REJECT_NO_NAME       => -4,
    REJECT_ILLEGAL_NAME  => -5,
    REJECT_NOT_UNIQUE    => -6,
    REJECT_VERSION       => -7,
    CONNECTION_CLOSED    => -8,
    REJECT_AUTH          => -9,
    ILLEGAL_SESSION      => -11,
    ILLEGAL_SERVICE      => -12,
    ILLEGAL_MESSAGE      => -13,
    ILLEGAL_GROUP        => -14,
    BUFFER_TOO_SHORT     => -15,
    GROUPS_TOO_SHORT     => -16,
    MESSAGE_TOO_LONG     => -17,
    NET_ERROR_ON_SESSION => -18,
    WOULD_BLOCK          => -25,
);

our %TEXT = (
    -1  => 'the name of the daemon makes no sense',
    -2  => 'no daemon answers there',
    -3  => 'the daemon has as many clients as it takes',
    -4  => 'the daemon did not get the private name',
    -5  => 'the private name is not allowed',
    -6  => 'the private name is in use at that daemon',
    -7  => 'daemon and library do not fit',
    -8  => 'the connection is lost',
    -9  => 'the daemon does not let this client in',
    -11 => 'no such connection, or it has been closed by this program',
    -12 => 'a message needs exactly one service',
    -13 => 'the daemon sent what cannot be right',
    -14 => 'the name of the group is not allowed',
    -15 => 'the buffer is too short for the data',
    -16 => 'the buffer is too short for the groups',
    -17 => 'the message is too long',
    -18 => 'the connection is broken',
    -25 => 'the daemon takes no more just now',
);

my %NAME = reverse %CODE;

# throw(NAME [, text]): dies with an error object.
sub throw {
    my ($class, $name, $text) = @_;
    my $code = $CODE{$name};
    die bless { code => $code, text => defined $text ? $text : $TEXT{$code}, where => _where() }, $class;
}

# Dies of the same error as before, in the call of today.
sub again {
    my ($self) = @_;
    die bless { %$self, where => _where() }, ref $self;
}

# The place in the program, as die has it.
sub _where {
    my $i = 0;
    while (my ($package, $file, $line) = caller $i++) {
        return " at $file line $line." if $package !~ /\A(?:Gospread\b|Spread\z)/;
    }
    return '';
}

sub name_of { return $NAME{ $_[0] } }

sub code { return $_[0]{code} }
sub name { return name_of($_[0]{code}) }
sub text { return $_[0]{text} }

# is($e [, NAME]): whether something caught is such an error.
sub is {
    my ($e, $name) = @_;
    return 0 unless Scalar::Util::blessed($e) && $e->isa(__PACKAGE__);
    return !defined $name || $e->{code} == $CODE{$name} ? 1 : 0;
}

1;

__END__

=head1 NAME

Gospread::Error - what the methods of Gospread die with

=head1 SYNOPSIS

    unless (eval { $spread->join('chat'); 1 }) {
        my $e = $@;
        die $e unless Gospread::Error::is($e, 'CONNECTION_CLOSED');
    }

=head1 DESCRIPTION

In string context an error is its text with the place in the program, as with
C<die>; C<text> is the text alone. C<code> is the number that the protocol
gives it, C<name> the name of that number:

    -1 ILLEGAL_SPREAD          -9 REJECT_AUTH
    -2 COULD_NOT_CONNECT      -11 ILLEGAL_SESSION
    -3 REJECT_QUOTA           -12 ILLEGAL_SERVICE
    -4 REJECT_NO_NAME         -13 ILLEGAL_MESSAGE
    -5 REJECT_ILLEGAL_NAME    -14 ILLEGAL_GROUP
    -6 REJECT_NOT_UNIQUE      -17 MESSAGE_TOO_LONG
    -7 REJECT_VERSION         -25 WOULD_BLOCK
    -8 CONNECTION_CLOSED

C<Gospread::Error::is($e)> tells whether something caught is such an error,
C<Gospread::Error::is($e, $name)> whether it is that one.

=cut
