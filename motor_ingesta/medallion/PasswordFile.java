package motor_ingesta;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.security.sasl.AuthenticationException;
import org.apache.hive.service.auth.PasswdAuthenticationProvider;

/** Checks logins against a file with a line `user:password` for each user; it is read at each login. */
public class PasswordFile implements PasswdAuthenticationProvider {

  public void Authenticate(String user, String password) throws AuthenticationException {
    boolean isRight = false;
    try {
      isRight = user != null && password != null && isRight(user, password);
    } catch (Exception error) {
      throw new AuthenticationException("the password file cannot be read");
    }
    if (!isRight) {
      throw new AuthenticationException("wrong user or password");
    }
  }

  private static boolean isRight(String user, String password) throws Exception {
    List lines = Files.readAllLines(Paths.get(System.getProperty("motor_ingesta.passwords")));
    for (int i = 0; i < lines.size(); i++) {
      String line = (String) lines.get(i);
      if (!line.startsWith("#") && line.startsWith(user + ":")) {
        return matches(line.substring(user.length() + 1), password);
      }
    }
    return false;
  }

  private static boolean matches(String kept, String password) throws Exception {
    if (!kept.startsWith("pbkdf2_sha256$")) {
      return isSame(kept.getBytes(StandardCharsets.UTF_8), password.getBytes(StandardCharsets.UTF_8));
    }
    String[] parts = kept.split("\\$");
    int rounds = Integer.parseInt(parts[1]);
    byte[] salt = parts[2].getBytes(StandardCharsets.UTF_8);
    byte[] hash = Base64.getDecoder().decode(parts[3]);
    PBEKeySpec key = new PBEKeySpec(password.toCharArray(), salt, rounds, hash.length * 8);
    SecretKeyFactory factory = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256");
    return isSame(hash, factory.generateSecret(key).getEncoded());
  }

  private static boolean isSame(byte[] one, byte[] other) {
    return one.length > 0 && MessageDigest.isEqual(one, other);
  }
}
