package spread;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputFilter;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.Serializable;
import java.util.Vector;

/** Objects as the data of messages: Java serialization, with a filter on the way back. */
final class ObjectData {
    static final String PROPERTY = "spread.objectFilter";

    /** Values and collections of the platform whose reading runs no foreign code. */
    private static final String VALUES = "java.lang.Boolean;java.lang.Byte;java.lang.Character;java.lang.Short;"
            + "java.lang.Integer;java.lang.Long;java.lang.Float;java.lang.Double;java.lang.Number;java.lang.String;"
            + "java.lang.Object;java.lang.Enum;java.math.BigInteger;java.math.BigDecimal;java.util.ArrayList;"
            + "java.util.LinkedList;java.util.Vector;java.util.Stack;java.util.ArrayDeque;java.util.HashMap;"
            + "java.util.Map$Entry;java.util.LinkedHashMap;java.util.TreeMap;java.util.Hashtable;java.util.HashSet;"
            + "java.util.LinkedHashSet;java.util.TreeSet;java.util.Arrays$ArrayList;java.util.CollSer;"
            + "java.util.Collections$*;java.util.ImmutableCollections$*;java.util.Date;java.util.UUID;java.util.BitSet;"
            + "java.time.*";
    private static final String LIMITS = "maxdepth=20;maxrefs=50000;maxarray=150000;maxbytes=150000";

    private ObjectData() {}

    /** Returns the filter for those who give none: the values, and what the property names. */
    static ObjectInputFilter defaultFilter() {
        String own = System.getProperty(PROPERTY, "");
        return ObjectInputFilter.Config.createFilter(LIMITS + ";" + (own.isEmpty() ? "" : own + ";") + VALUES + ";!*");
    }

    static byte[] write(Serializable object) throws SpreadException {
        Writer w = new Writer();
        w.add(object);
        return w.bytes();
    }

    /** Writes objects one behind the other into one stream. */
    static final class Writer {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private ObjectOutputStream objects;

        void add(Serializable object) throws SpreadException {
            try {
                if (objects == null) {
                    objects = new ObjectOutputStream(bytes);
                }
                objects.writeObject(object);
                objects.flush();
            } catch (IOException e) {
                throw new SpreadException(ErrorCode.ILLEGAL_MESSAGE, "The object cannot be serialized: " + e, e);
            }
        }

        byte[] bytes() {
            return bytes.toByteArray();
        }
    }

    static Object read(byte[] data, ObjectInputFilter filter) throws SpreadException {
        Reader r = new Reader(filter);
        try {
            r.open(data);
            return r.in.readObject();
        } catch (IOException | ClassNotFoundException | RuntimeException e) {
            throw r.failure(e);
        }
    }

    static Vector<Object> readAll(byte[] data, ObjectInputFilter filter) throws SpreadException {
        Reader r = new Reader(filter);
        Vector<Object> all = new Vector<>();
        try {
            r.open(data);
            while (r.bytes.available() > 0) {
                all.add(r.in.readObject());
            }
            return all;
        } catch (IOException | ClassNotFoundException | RuntimeException e) {
            throw r.failure(e);
        }
    }

    private static final class Reader {
        private final ObjectInputFilter filter;
        private ByteArrayInputStream bytes;
        private ObjectInputStream in;
        private Class<?> refused;

        Reader(ObjectInputFilter filter) {
            ObjectInputFilter all = ObjectInputFilter.Config.getSerialFilter();
            this.filter = all == null ? filter : ObjectInputFilter.merge(filter, all);
        }

        void open(byte[] data) throws IOException {
            bytes = new ByteArrayInputStream(data);
            in = new Input(bytes);
            in.setObjectInputFilter(info -> {
                ObjectInputFilter.Status s = filter.checkInput(info);
                if (s == ObjectInputFilter.Status.REJECTED) {
                    refused = info.serialClass();
                }
                return s;
            });
        }

        SpreadException failure(Exception e) {
            if (refused != null) {
                return new SpreadException(ErrorCode.ILLEGAL_MESSAGE, "An object of " + refused
                        + " is not read from messages by default. If it is safe, allow it with -D" + PROPERTY + "="
                        + refused.getName() + " (or a pattern such as mypackage.*), or pass a filter to getObject.", e);
            }
            if (e instanceof EOFException) {
                return new SpreadException(ErrorCode.ILLEGAL_MESSAGE, "The data end before the object: " + e, e);
            }
            return new SpreadException(ErrorCode.ILLEGAL_MESSAGE, "The data cannot be read as an object: " + e, e);
        }
    }

    /** Finds classes of the application also where this library is shared by several. */
    private static final class Input extends ObjectInputStream {
        Input(InputStream in) throws IOException {
            super(in);
        }

        @Override
        protected Class<?> resolveClass(ObjectStreamClass c) throws IOException, ClassNotFoundException {
            ClassLoader context = Thread.currentThread().getContextClassLoader();
            if (context != null) {
                try {
                    return Class.forName(c.getName(), false, context);
                } catch (ClassNotFoundException e) {
                    // The loaders below may know it; they also know the primitive types.
                }
            }
            return super.resolveClass(c);
        }
    }
}
