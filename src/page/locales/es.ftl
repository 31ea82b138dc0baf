# Español.

direction = ltr
language = Español
error-prefix = Error:
help = ¿Necesita ayuda?
request-id = Identificador de la solicitud: { $id }
moment = { $day } de { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
  } de { $year }, { $clock } ({ $zone })
device = { $browser } en { $system }
device-unknown = Dispositivo desconocido
try-again = Volver a intentarlo
sign-in-again = Iniciar sesión
back-to-portal = Volver al portal
copy = Copiar
copied = Copiado
nav-label = Portal
nav-you = Usted
nav-devices = Dispositivos
nav-tools = Herramientas

## Iniciar sesión

logon-title = Iniciar sesión
logon-lead = para usar Internet desde este dispositivo.
logon-lead-place = para continuar a
logon-account = Cuenta
logon-hint = Por ejemplo, { $example }
logon-continue = Iniciar sesión
logon-next = A continuación se abre la página de inicio de sesión de su organización. La contraseña se escribe allí, no aquí.
logon-or = o
logon-guest = Continuar como invitado
logon-which = ¿Qué nombre escribo?
logon-which-lead = Cualquier nombre por el que su organización le conozca, junto con su dominio:

mistake-empty = Escriba el nombre de su cuenta, por ejemplo { $example }.
mistake-too-long = Este nombre es demasiado largo para una cuenta. Un nombre de cuenta tiene este aspecto: { $example }.
mistake-no-domain = Falta el dominio. Escriba el nombre completo, por ejemplo { $example }.
mistake-no-account = Falta el nombre delante del dominio. Escriba el nombre completo, por ejemplo { $example }.
mistake-bad-domain = La parte que nombra a su organización no es un dominio válido. El nombre completo tiene este aspecto: { $example }.
mistake-bad-character = El nombre contiene un carácter que no aparece en ningún nombre de cuenta. Un nombre de cuenta tiene este aspecto: { $example }.
mistake-not-enabled = El inicio de sesión con este dominio aún no está activado. Su servicio de asistencia sabe cuándo lo estará.
mistake-unknown-domain = Este portal no atiende ese dominio. Compruebe cómo está escrito; el nombre completo tiene este aspecto: { $example }.
mistake-unclear = Esta forma del nombre no se puede usar aquí. Escriba el nombre con el que inicia sesión en su cuenta de trabajo, por ejemplo { $example }.

note-expired = Este enlace tiene más de una hora, así que ya no se conoce la dirección que quería. Inicie sesión y vuelva a abrirla.
note-broken = No se pudo leer la dirección que quería. Inicie sesión y vuelva a abrirla.
note-form-expired = Esta página ha estado abierta mucho tiempo. Pulse Iniciar sesión una vez más.
note-form-foreign = Por su seguridad no se ha enviado nada, porque el formulario no venía de esta página. Pulse Iniciar sesión una vez más.
note-no-cookie = Su navegador no ha conservado la cookie de este sitio, que es necesaria para iniciar sesión. Permita las cookies de este sitio y pulse Iniciar sesión.
note-unsent = El formulario que rellenó no se ha enviado, porque no había iniciado sesión. Después de iniciarla se le indicará cómo enviarlo.
note-expired-signed-in = Ha iniciado sesión. Este enlace tiene más de una hora, así que ya no se conoce la dirección que quería: vuelva a abrirla.
note-other-client = Ha iniciado sesión. Este enlace se creó para otro dispositivo u otra conexión, así que no lleva más allá: vuelva a abrir la dirección que quería.
note-used = Este inicio de sesión ya se ha usado o ha tardado demasiado. Empiece de nuevo aquí.
note-tile = El icono que pulsó le ha traído aquí, porque las sesiones se inician en esta página. Escriba el nombre de su cuenta y continúe: si ya ha iniciado sesión en su organización, no se le pedirá nada más.
note-unsolicited = Ha iniciado sesión desde la lista de aplicaciones de su organización. Si esta no es su cuenta, cierre la sesión aquí.
note-welcome-back = Ya ha iniciado sesión. No hace falta nada más.
note-other-person = Ha iniciado sesión como { $asserted }, pero había escrito { $typed }. Si no es usted, cierre la sesión aquí.

## Sesión iniciada

signed-in-title = Ha iniciado sesión
signed-in-lead = como
signed-in-go-on = Continuar a { $place }
signed-in-account = Su cuenta
signed-in-name = Cuenta
signed-in-since = Sesión iniciada el
signed-in-until = La sesión dura hasta el
signed-in-devices = Dónde ha iniciado sesión
signed-in-here = Este dispositivo
signed-in-device-since = desde el { $moment }
signed-in-more = y { $count } más
sign-out-here = Cerrar sesión aquí
sign-out-there = Cerrar sesión allí
sign-out-everywhere = Cerrar sesión en todas partes
certificate-link = Configurar este dispositivo: instalar el certificado

signed-in-left = Su sesión termina en { $hours } h { $minutes } min.
signed-in-renew = Renovarla ahora
connected-back = Puede volver a su página.
connected-reload = Se recarga sola en su pestaña. Si no, recárguela allí. Puede cerrar esta página.
connected-account = Su cuenta y sus dispositivos
connected-visit = Su visita
signed-in-guest-title = Está navegando como invitado
signed-in-guest-lead = Es posible que algunos sitios sean solo para personas con cuenta.
signed-in-as-guest = como invitado
guest-visit = Su visita
guest-since = Desde el
guest-until = Hasta el
guest-end = Terminar la visita
guest-left = Su visita termina en { $hours } h { $minutes } min.
guest-renew = Quedarse más tiempo

guest-title = Continuar como invitado
guest-lead = para usar Internet sin cuenta.
guest-terms = Condiciones de uso
guest-accept = He leído las condiciones y las acepto.
guest-missing = Para continuar como invitado, acepte las condiciones.
guest-facts = ¿Tiene una cuenta aquí?
guest-account = Iniciar sesión con su cuenta

signed-out-title = Ha cerrado la sesión
signed-out-lead = Lo que abra a partir de ahora ya no se relaciona con su nombre.
signed-out-everywhere = Ninguno de sus dispositivos tiene ya la sesión iniciada.
signed-out-here = Este servidor ha cerrado su sesión y se atiene a ello. En este momento no llega al almacén que comparte con otros servidores: le seguirán cuando vuelva. Hasta entonces, alguien que tenga las cookies antiguas de este navegador podría continuar en otro servidor.
signed-out-fleetingly = Este servidor ha cerrado su sesión, pero no puede anotarlo en este momento: no lo admiten ni su almacén ni su disco. Los demás servidores y los reinicios le seguirán cuando vuelva el almacén. Para mayor seguridad, cierre la sesión de nuevo más tarde y avise a su servicio de asistencia.
signed-out-guest-title = Su visita ha terminado
signed-out-guest-lead = Este dispositivo ya no tiene acceso como invitado.
signed-out-provider-too = También ha cerrado la sesión en la página de inicio de sesión de su organización.
signed-out-provider-unconfirmed = La página de inicio de sesión de su organización no ha confirmado que la sesión se haya cerrado también allí. En un ordenador compartido, cierre todas las ventanas del navegador.
signed-out-provider = Es posible que la sesión siga abierta en la página de inicio de sesión de su organización. En un ordenador compartido, cierre también todas las ventanas del navegador.

## Rechazado por una regla

denied-title = Este sitio está bloqueado
denied-lead = no está permitido aquí.
denied-rule = Bloqueado por
denied-blocked-list = La lista de sitios bloqueados
denied-default = Ninguna regla permite este sitio
denied-unidentified = Este sitio es solo para personas con la sesión iniciada
denied-offline = Nadie puede iniciar sesión en este momento, y este sitio lo exige
denied-user = Sesión iniciada como
denied-as-guest = invitado
denied-next = Si necesita este sitio para su trabajo, pregunte a su servicio de asistencia e indique la regla y el identificador de la solicitud.
denied-review-lead = Si necesita este sitio para su trabajo, puede solicitar el acceso.
denied-review = Solicitar el acceso
denied-pass = Ver qué hace falta
denied-pass-lead = Una regla le pide algo antes.
denied-ask = Preguntar a asistencia
denied-guest = Está navegando como invitado, y algunos sitios son solo para personas con cuenta.
denied-mail-subject = Sitio bloqueado: { $site }
denied-mail =
    Sitio: { $site }
    Bloqueado por: { $rule }
    Identificador de la solicitud: { $id }

## Un formulario que no se envió

handover-sign-in = Pasando al inicio de sesión
handover-sign-out = Pasando al cierre de sesión
handover-lead = Esto continúa solo. Si no lo hace, pulse el botón.
handover-continue = Continuar

unsent-title = Su formulario no se ha enviado
unsent-lead = No había iniciado sesión cuando envió un formulario a
unsent-lead-halted = Una regla detuvo el formulario que envió a
unsent-what = Lo que no se envió
unsent-method = un formulario ({ $method })
unsent-where = Destino
unsent-next = Nada ha llegado al sitio. Vuelva al formulario con el botón Atrás del navegador, o continúe al sitio, y envíelo de nuevo: ahora ha iniciado sesión, así que llegará. La mayoría de los navegadores aún recuerdan lo que escribió.
unsent-next-halted = Nada ha llegado al sitio. Vuelva al formulario con el botón Atrás del navegador, o continúe al sitio, y envíelo de nuevo: ahora llegará. La mayoría de los navegadores aún recuerdan lo que escribió.
unsent-go-on = Continuar a { $place }

## Cookies

cookies-title = Su navegador no conserva nuestra cookie
cookies-lead = ha iniciado sesión, pero la página de este sitio vuelve sin la cookie que lo indica.
cookies-steps =
    Permita las cookies de este sitio, al menos hasta que cierre el navegador.
    Desactive las extensiones que eliminan cookies, o haga una excepción para este sitio.
    Si usa una ventana privada, pruebe con una normal.
contradict-title = La cookie de otro sitio estorba
contradict-lead = ha iniciado sesión, pero otro sitio ha puesto también para este una cookie con el nombre de la nuestra, y las dos se contradicen. Hemos intentado eliminarla.
contradict-steps =
    En la configuración del navegador, elimine las cookies de este sitio y del dominio al que pertenece.
    Abra la página de nuevo.
    Si vuelve a ocurrir, alguna página de ese dominio pone la cookie una y otra vez: indique la dirección de esta página a su servicio de asistencia.

## Lo que falló en el camino a un sitio

problem-why = Por qué ocurre
problem-next = Qué puede hacer

error-name-not-found = No se ha encontrado este sitio
    .what = no existe ningún sitio con este nombre.
    .why = Es posible que el nombre esté mal escrito, o que el sitio se haya trasladado o cerrado.
    .next = Compruebe cómo está escrita la dirección. Si es correcta, vuelva a intentarlo dentro de unos minutos.
error-refused = El sitio no responde
    .what = el equipo del sitio ha rechazado la conexión.
    .why = Es posible que el sitio no funcione, o que no haya nada en esta dirección y este puerto.
    .next = Vuelva a intentarlo dentro de unos minutos. Si solo falla este sitio, debe repararlo su operador.
error-timed-out = El sitio ha tardado demasiado
    .what = el sitio no ha respondido a tiempo.
    .why = Es posible que el sitio esté sobrecargado o no funcione, o que la red que lleva a él sea lenta.
    .next = Vuelva a intentarlo dentro de unos minutos.
error-certificate = El sitio no ha podido demostrar quién es
    .what = el certificado del sitio no es válido, así que no se le ha enviado nada.
    .why = Es posible que el certificado haya caducado o sea para otro nombre, o que alguien se haga pasar por este sitio.
    .next = No envíe nada a este sitio. Vuelva a intentarlo más tarde y avise a su servicio de asistencia si continúa.
error-certificate-expired = El sitio no ha podido demostrar quién es
    .what = el certificado del sitio ha caducado, así que no se le ha enviado nada.
    .why = Quien gestiona el sitio no ha renovado el certificado a tiempo, o alguien muestra uno antiguo.
    .next = No envíe nada a este sitio. Vuelva a intentarlo más tarde y avise a su servicio de asistencia si continúa.
error-certificate-not-yet = El sitio no ha podido demostrar quién es
    .what = el certificado del sitio todavía no es válido, así que no se le ha enviado nada.
    .why = Quien gestiona el sitio usa un certificado demasiado pronto, o un reloj está mal ajustado.
    .next = No envíe nada a este sitio. Vuelva a intentarlo más tarde y avise a su servicio de asistencia si continúa.
error-certificate-name = El sitio no ha podido demostrar quién es
    .what = el certificado del sitio es para otro nombre, así que no se le ha enviado nada.
    .why = Es posible que la dirección esté mal escrita, que el sitio esté mal configurado o que alguien se haga pasar por este sitio.
    .next = No envíe nada a este sitio. Vuelva a intentarlo más tarde y avise a su servicio de asistencia si continúa.
error-certificate-issuer = El sitio no ha podido demostrar quién es
    .what = nadie en quien confíe el proxy responde del certificado del sitio, así que no se le ha enviado nada.
    .why = Es posible que el sitio haya emitido el certificado él mismo, como ocurre en algunas empresas, o que alguien se haga pasar por este sitio.
    .next = No envíe nada a este sitio. Vuelva a intentarlo más tarde y avise a su servicio de asistencia si continúa.
error-certificate-revoked = El sitio no ha podido demostrar quién es
    .what = el certificado del sitio ha sido revocado, así que no se le ha enviado nada.
    .why = Es posible que su clave esté en manos de alguien que se hace pasar por este sitio.
    .next = No envíe nada a este sitio. Vuelva a intentarlo más tarde y avise a su servicio de asistencia si continúa.
error-unreachable = No se puede llegar al sitio
    .what = no hay camino por la red hasta este sitio.
    .why = Es posible que el sitio, o una red del camino, no funcione.
    .next = Pruebe otros sitios. Si ninguno funciona, avise a su servicio de asistencia; si no, vuelva a intentarlo dentro de unos minutos.
error-connection-lost = Se ha perdido la conexión
    .what = el sitio ha terminado la conexión antes de completar su respuesta.
    .why = Es posible que el sitio se haya reiniciado, o que haya fallado una red del camino.
    .next = Vuelva a intentarlo.
error-bad-answer = No se ha podido entender la respuesta del sitio
    .what = el sitio ha enviado algo que no es una respuesta válida.
    .why = El software del sitio es defectuoso, o la dirección es de algo que no es un sitio web.
    .next = Compruebe la dirección. Si es correcta, debe repararlo el operador del sitio.
error-not-allowed = Esta dirección no está permitida
    .what = el nombre lleva a una dirección interna o especial, o al equipo del propio proxy, y el proxy no se conecta a esas.
    .itself = es una dirección interna o especial, o una del equipo del propio proxy, y el proxy no se conecta a esas.
    .why = Esto protege la red en la que funciona el proxy.
    .next = Si necesita esta dirección para su trabajo, pregunte a su servicio de asistencia e indique el identificador de la solicitud.
error-direct = No ha iniciado sesión y aquí no se le puede pedir
    .what = los navegadores llegan a esta dirección sin el proxy, por lo que el proxy no pide a nadie que inicie sesión para ella.
    .why = De lo contrario, otra persona podría hacerse pasar por usted con un enlace a esta dirección.
    .next = Use el archivo de configuración del proxy de su organización: su navegador abrirá entonces esta dirección directamente. O abra primero un sitio público, inicie sesión allí y vuelva.
error-port-not-allowed = El puerto { $port } no está permitido
    .what = el proxy no se conecta al puerto { $port }.
    .why = Solo están abiertos los puertos habituales de los sitios web, porque los demás se usan para eludir la protección.
    .next = Compruebe la dirección. Si necesita este puerto para su trabajo, pregunte a su servicio de asistencia e indique el identificador de la solicitud.
error-parent = Otro proxy del camino no está disponible
    .what = este proxy llega al sitio a través de otro proxy, que no se puede usar en este momento.
    .why = Es posible que el otro proxy no funcione, o que su configuración y la nuestra no encajen.
    .next = Vuelva a intentarlo dentro de unos minutos. Si continúa, indique el identificador de la solicitud a su servicio de asistencia.
error-parent-denied = Otro proxy del camino no permite este sitio
    .what = este proxy llega al sitio a través de otro proxy, que no se conecta a él.
    .why = El otro proxy tiene sus propias reglas.
    .next = Si necesita este sitio para su trabajo, pregunte a su servicio de asistencia e indique el identificador de la solicitud.
error-loop = La solicitud ha vuelto al proxy
    .what = la solicitud ya ha pasado por aquí.
    .why = Dos proxies se envían solicitudes el uno al otro, o la dirección es la del propio proxy.
    .next = Indique el identificador de la solicitud a su servicio de asistencia: hay que corregir la configuración.
error-too-large = La solicitud es demasiado grande
    .what = la solicitud o su encabezado es más grande de lo que admite el proxy.
    .why = Puede deberse a que un sitio tiene muchas cookies o cookies muy grandes.
    .next = Borre las cookies de este sitio y vuelva a intentarlo.
error-bad-request = No se ha podido entender la solicitud
    .what = su navegador o programa ha enviado algo que no es una solicitud válida.
    .why = Es posible que el programa sea defectuoso, o que la dirección esté mal escrita.
    .next = Compruebe la dirección y vuelva a intentarlo.
error-busy = El proxy está ocupado
    .what = hay demasiadas solicitudes en este momento.
    .why = Muchas personas usan el proxy, o este dispositivo envía muchísimas solicitudes.
    .next = Espere un minuto y vuelva a intentarlo.
error-exhausted = Ha alcanzado un límite
    .what = una regla de su organización limita cuánto puede usar.
    .why = En los últimos instantes ha habido más solicitudes de las que permite esa regla, o había demasiadas conexiones abiertas a la vez.
    .next = Espere un poco y vuelva a intentarlo. Si ocurre a menudo, indique el identificador de la solicitud a su servicio de asistencia.
error-malware = Se ha encontrado software malicioso en este archivo
    .what = lo que quería abrir no se ha entregado, porque un antivirus ha encontrado software malicioso en ello.
    .why = El antivirus lo llama { $threat }. Un archivo así puede dañar su dispositivo o enviar sus datos a desconocidos.
    .next = No intente conseguir el archivo de otra manera. Si lo necesita para su trabajo, o cree que es un error, indique el identificador de la solicitud a su servicio de asistencia.
error-malware-upload = Se ha encontrado software malicioso en lo que quería enviar
    .what = no se ha enviado nada, porque un antivirus ha encontrado software malicioso en ello.
    .why = El antivirus lo llama { $threat }. El archivo de su dispositivo puede estar infectado.
    .next = No abra el archivo ni lo comparta. Indique el identificador de la solicitud a su servicio de asistencia: deberían revisar su dispositivo.
error-scanner-failed = No se ha podido analizar con el antivirus
    .what = no se ha entregado, porque su organización quiere que antes se analice con un antivirus, y este no responde.
    .why = Puede que el antivirus se haya reiniciado o que tenga demasiado trabajo.
    .next = Inténtelo de nuevo dentro de unos minutos. Si continúa, indique el identificador de la solicitud a su servicio de asistencia.
error-too-long-to-scan = Es demasiado grande para el antivirus
    .what = no se ha entregado, porque su organización quiere que antes se analice con un antivirus, y es más grande de lo que este acepta.
    .why = Lo que nadie ha examinado podría contener cualquier cosa.
    .next = Si lo necesita para su trabajo, pregunte a su servicio de asistencia y indique el identificador de la solicitud.
error-part-not-scanned = Una parte de un archivo no se puede analizar con el antivirus
    .what = no se ha entregado, porque su programa ha pedido una parte de un archivo, y el antivirus debe verlo entero.
    .why = El software malicioso no se reconoce en una parte de un archivo.
    .next = Descargue de nuevo el archivo entero, y no continúe una descarga interrumpida.
error-coding-not-scanned = Está comprimido de un modo que el antivirus no puede analizar
    .what = no se ha entregado, porque su organización quiere que antes se analice con un antivirus, y el sitio lo comprime de un modo que este no puede descomprimir.
    .why = Lo que nadie ha examinado podría contener cualquier cosa. Intentarlo de nuevo no sirve mientras el sitio responda así.
    .next = Si lo necesita para su trabajo, indique el identificador de la solicitud a su servicio de asistencia.
error-internal = Algo ha fallado aquí
    .what = el proxy no ha podido terminar la solicitud.
    .why = El fallo es nuestro, no suyo.
    .next = Vuelva a intentarlo. Si se repite, indique el identificador de la solicitud a su servicio de asistencia.

## Lo que falló en el portal

sign-in-refused = No se ha aceptado el inicio de sesión
    .what = No se ha podido aceptar la respuesta de la página de inicio de sesión, así que no ha iniciado sesión.
    .why = Es posible que la respuesta ya se haya usado, haya tardado demasiado o no sea de este navegador.
    .next = Empiece de nuevo. Si se repite, indique el identificador de la solicitud a su servicio de asistencia.
sign-in-clock = Dos relojes no coinciden
    .what = La respuesta de la página de inicio de sesión tiene una fecha futura, así que no ha iniciado sesión.
    .why = El reloj de este portal o el de la página de inicio de sesión está mal. El de su dispositivo no importa.
    .next = Indique el identificador de la solicitud a su servicio de asistencia: hay que ajustar un reloj.
sign-in-too-late = El inicio de sesión ha tardado demasiado
    .what = La respuesta de la página de inicio de sesión ya no es válida, así que no ha iniciado sesión.
    .why = La página estuvo abierta mucho tiempo, o se envió de nuevo una respuesta antigua.
    .next = Empiece de nuevo. Si se repite enseguida, indique el identificador de la solicitud a su servicio de asistencia: es posible que un reloj esté mal.
sign-in-other-person = Ha iniciado sesión con otra cuenta
    .what = La cuenta de la página de inicio de sesión no es la que escribió aquí, así que no ha iniciado sesión.
    .why = En la página de inicio de sesión de su organización seguía abierta la sesión de otra cuenta.
    .next = Empiece de nuevo y elija la cuenta correcta en la página de inicio de sesión. En una ventana privada no hay ninguna otra cuenta con la sesión iniciada.
proof-other-person = Ha iniciado sesión con otra cuenta
    .what = La cuenta de la página de inicio de sesión no es la que tiene la sesión iniciada aquí, así que no ha cambiado nada.
    .why = Esta página pide a la persona que tiene la sesión iniciada aquí que demuestre una vez más quién es.
    .next = Empiece de nuevo y elija la cuenta que tiene la sesión iniciada aquí. Si no es la suya, cierre primero la sesión en el portal.
proof-not-anew = La página de inicio de sesión no le ha vuelto a preguntar
    .what = Su sesión sigue iniciada, pero la página que quería exige un inicio de sesión nuevo, y este no lo era.
    .why = La página de inicio de sesión de su organización ha respondido con un inicio anterior en lugar de preguntarle.
    .next = Empiece de nuevo. Si se repite, indique el identificador de la solicitud a su servicio de asistencia.
sign-in-not-asked = La página de inicio de sesión no le ha preguntado
    .what = No ha iniciado sesión, porque aquí cada inicio de sesión debe ser nuevo, y este no lo era.
    .why = La página de inicio de sesión de su organización ha respondido con un inicio anterior en lugar de preguntarle.
    .next = Empiece de nuevo. Si se repite, indique el identificador de la solicitud a su servicio de asistencia: este dominio de autenticación tiene force_authn, y la página de inicio de sesión no lo respeta.
sign-in-other-way = Ha iniciado sesión de otra manera que la que se pide aquí
    .what = El inicio de sesión ha funcionado, pero no con el tipo de prueba que su organización pide aquí, así que no ha iniciado sesión.
    .why = Por ejemplo, solo con una contraseña donde se pide un segundo factor, o con una llave donde se pide una contraseña.
    .next = Empiece de nuevo y elija otra manera en la página de inicio de sesión. Si no hay ninguna, indique el identificador de la solicitud a su servicio de asistencia: las maneras figuran en authn_context de este dominio de autenticación o de la regla que las pide.
sign-in-foreign-name = Su cuenta pertenece a otro dominio
    .what = El inicio de sesión ha funcionado, pero el nombre recibido no está en un dominio por el que esta página de inicio de sesión pueda responder, así que no ha iniciado sesión.
    .why = Cada página de inicio de sesión solo puede nombrar a personas de sus propios dominios. De lo contrario, una organización podría hacer pasar a su gente por la de otra.
    .next = Empiece de nuevo con la dirección de su propia organización. Si debe funcionar con esta cuenta, indique el identificador de la solicitud a su servicio de asistencia: un administrador puede añadir el dominio a domains de este dominio de autenticación, o a foreign_names para invitados.
sign-in-no-name = La página de inicio de sesión no dijo quién es usted
    .what = El inicio de sesión ha funcionado, pero la respuesta no contiene ningún nombre que este portal pueda usar, así que no ha iniciado sesión.
    .why = La notificación que le nombra falta, está vacía, tiene varios valores o cambia en cada inicio de sesión.
    .next = Empezar de nuevo no ayuda. Indique el identificador de la solicitud a su servicio de asistencia: un administrador puede ver con vestibule test-sso qué notificación es, y corregirla en el proveedor de identidad o en identity_claims de este dominio de autenticación.
sign-in-other-tenant = Su cuenta pertenece a otro inquilino
    .what = El inicio de sesión ha funcionado, pero no con una cuenta del inquilino que se exige aquí, así que no ha iniciado sesión.
    .why = La notificación que nombra el inquilino de su cuenta falta o nombra otro.
    .next = Empiece de nuevo y elija una cuenta de esta organización. Si lo era, indique el identificador de la solicitud a su servicio de asistencia: el inquilino está en require_tenant de este dominio de autenticación.
sign-in-foreign = Este inicio de sesión no empezó en este navegador
    .what = No ha iniciado sesión, porque el inicio de sesión no empezó aquí.
    .why = El enlace se abrió en otro navegador, las cookies se borraron entretanto, o alguien le envió el enlace.
    .next = Empiece de nuevo en este navegador.
sign-out-refused = No se ha aceptado el cierre de sesión
    .what = No se ha podido aceptar un mensaje sobre un cierre de sesión, así que aquí no ha cambiado nada.
    .why = Es posible que el mensaje sea demasiado antiguo, no venga de la página de inicio de sesión de su organización o no se refiera a este navegador.
    .next = Vuelva al portal. Si allí sigue con la sesión iniciada, ciérrela.
sign-in-occupied = Otra persona ha iniciado sesión en este navegador
    .what = La página de su organización quería iniciar su sesión aquí, pero este navegador pertenece en este momento a otra cuenta.
    .why = Nadie debe navegar con otro nombre sin darse cuenta.
    .next = Vaya al portal, cierre allí la sesión y vuelva a intentarlo.
test-link = No se puede usar este enlace
    .what = El enlace a la prueba de inicio de sesión ya se ha usado, tiene más de 15 minutos o no se creó para este portal.
    .why = Quien tenga un enlace así puede ejecutar la prueba una vez.
    .next = Pida que se cree un enlace nuevo con el comando vestibule test-sso y ábralo en este navegador.
provider-not-assigned = Su cuenta aún no tiene acceso
    .what = El inicio de sesión ha funcionado, pero su cuenta no puede usar este proxy.
    .why = Un administrador debe asignar antes su cuenta a esta aplicación (AADSTS50105).
    .next = Pida acceso a su administrador o servicio de asistencia y vuelva a intentarlo.
provider-no-session = Inicie sesión de nuevo
    .what = La página de inicio de sesión ya no le conocía.
    .why = Debía iniciar su sesión sin mostrar ninguna página, y no había ningún inicio anterior.
    .next = Empiece de nuevo e inicie sesión.
provider-cancelled = Se ha cancelado el inicio de sesión
    .what = La página de inicio de sesión se cerró antes de terminar, así que no ha iniciado sesión.
    .why = Alguien pulsó Cancelar o no aceptó lo que pedía la página.
    .next = Empiece de nuevo cuando quiera.
provider-locked = Su cuenta no puede iniciar sesión
    .what = La página de inicio de sesión indica que su cuenta está bloqueada, desactivada o no existe.
    .why = Esto ocurre tras muchas contraseñas incorrectas, o cuando un administrador ha desactivado la cuenta.
    .next = Pregunte a su administrador o servicio de asistencia.
provider-policy = Su organización no permite este inicio de sesión
    .what = Una regla de su organización ha impedido el inicio de sesión.
    .why = Es posible que exija un dispositivo administrado, otro lugar o una prueba más de quién es.
    .next = Inténtelo desde un dispositivo que administre su organización, o pregunte a su servicio de asistencia.
provider-misconfigured = El inicio de sesión no está bien configurado
    .what = La página de inicio de sesión de su organización no acepta solicitudes de este portal.
    .why = Los dos tienen configuraciones distintas. Usted no ha hecho nada mal.
    .next = Indique a su servicio de asistencia el identificador de la solicitud y la línea de arriba.
provider-unknown = Este portal no puede enviarle a su página de inicio de sesión
    .what = Este portal no tiene en este momento información válida sobre la página de inicio de sesión de su organización, así que nadie puede iniciar sesión.
    .why = La información aún no se ha podido obtener, o ha pasado el tiempo por el que era válida. No se ha preguntado a la página de inicio de sesión de su organización.
    .next = Inténtelo de nuevo en unos minutos. Si continúa, indique el identificador de la solicitud a su servicio de asistencia: hay que renovar los metadatos de este dominio de autenticación.
provider-failed = El inicio de sesión no ha funcionado
    .what = La página de inicio de sesión de su organización ha respondido con un error.
    .why = Si ha dado el motivo, aparece abajo.
    .next = Empiece de nuevo. Si se repite, indique el identificador de la solicitud a su servicio de asistencia.
portal-busy = Demasiados inicios de sesión en este momento
    .what = El portal no puede atender más inicios de sesión ahora mismo.
    .why = Ha habido muchísimos intentos en poco tiempo.
    .next = Espere un minuto y vuelva a intentarlo.
portal-away = Nadie puede iniciar sesión en este momento
    .what = El portal no puede empezar una sesión nueva ahora mismo. Quien ya la tiene iniciada puede continuar.
    .why = No responde la parte del sistema que recuerda quién ha iniciado sesión.
    .next = Espere unos minutos y vuelva a intentarlo. Si se prolonga, su servicio de asistencia sabe más.
ended-here = Ha terminado en este servidor
    .what = Lo que ha terminado sigue terminado en este servidor. Los demás servidores le siguen un poco más tarde.
    .why = Este servidor no llega en este momento al almacén que comparte con ellos. Se lo comunica cuando vuelve el almacén.
    .next = No hay que hacer nada más.
ended-fleetingly = Ha terminado en este servidor, por ahora
    .what = Lo que ha terminado lo está en este servidor, hasta que se detenga.
    .why = En este momento no lo admiten ni el almacén ni el disco de este servidor. Si el servidor se reinicia antes, vuelve.
    .next = Termínelo de nuevo más tarde y avise a su servicio de asistencia.
portal-form = No se ha aceptado el formulario
    .what = No ha cambiado nada, porque el formulario no venía de la página de este portal o era demasiado antiguo.
    .why = Esto le protege de páginas que pulsan botones en su nombre.
    .next = Vuelva al portal y pulse allí el botón.
portal-not-found = Esta página no existe
    .what = El portal no tiene ninguna página en esta dirección.
    .why = Es posible que la dirección esté mal escrita o que el enlace sea antiguo.
    .next = Vuelva al portal.
portal-too-large = El mensaje es demasiado grande
    .what = Lo que se ha enviado es más grande de lo que admite el portal.
    .why = Ningún formulario de este portal es tan grande.
    .next = Vuelva al portal y empiece de nuevo.

## El certificado

certificate-title = Configurar este dispositivo
certificate-lead = Algunas páginas solo le llegan si este dispositivo confía en la entidad de certificación del proxy: la página de inicio de sesión delante de los sitios https y las páginas que dicen por qué se bloquea un sitio.
certificate-this = El certificado
certificate-name = Nombre
certificate-until = Válido hasta el
certificate-fingerprint = Huella digital SHA-256
certificate-compare = Antes de confiar en él, compare la huella digital con la que su servicio de asistencia le dé por otro medio.
certificate-trusted = Este navegador confía en la entidad.
certificate-trusted-next = Aquí no hace falta nada más. Los pasos de abajo son para otros dispositivos y navegadores.
certificate-unknown = Este navegador aún no confía en la entidad.
certificate-unknown-next = Siga los pasos de abajo y recargue esta página. Si no cambia, es posible que el navegador no use el proxy.
certificate-der = Descargar para Windows, macOS y Android
certificate-pem = Descargar para Linux y Firefox (PEM)
certificate-profile = Descargar para iPhone, iPad y Mac (perfil)
certificate-several = Una autoridad va a sustituir pronto a otra. Instale los dos certificados para que este dispositivo siga confiando en el proxy.
certificate-install = Cómo instalarlo

system-windows = Windows
    .steps =
        Descargue el primer archivo y ábralo.
        Elija «Instalar certificado» y «Usuario actual» (o «Equipo local» para todos los usuarios de este equipo).
        Elija «Colocar todos los certificados en el siguiente almacén» y «Entidades de certificación raíz de confianza».
        Finalice, confirme la huella digital y reinicie el navegador.
system-macos = macOS
    .steps =
        Descargue el primer archivo y ábralo. Acceso a Llaveros lo añade al llavero «inicio de sesión».
        Haga doble clic en él, abra «Confiar» y elija «Confiar siempre» en «Al utilizar este certificado».
        Cierre la ventana e introduzca su contraseña.
system-ios = iPhone y iPad
    .steps =
        Abra esta página en Safari y descargue el perfil. Permita la descarga.
        En Ajustes, abra «General» y «VPN y gestión de dispositivos», elija el perfil e instálelo.
        En Ajustes, abra «General», «Información», «Ajustes de confianza de los certificados» y active la confianza total.
system-android = Android
    .steps =
        Descargue el primer archivo.
        En los ajustes, busque «certificado de CA», o abra «Seguridad», «Cifrado y credenciales», «Instalar un certificado».
        Elija «Certificado de CA», confirme y seleccione el archivo descargado. Los nombres de estos menús varían según el fabricante.
system-debian = Linux: Debian y Ubuntu
    .steps =
        Descargue el archivo PEM (los dos, si hay dos) y ejecute en su carpeta:
        $ for file in authority*.pem; do sudo cp "$file" "/usr/local/share/ca-certificates/$file.crt"; done
        $ sudo update-ca-certificates
        Chromium tiene su propio almacén:
        $ for file in authority*.pem; do certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "$file" -i "$file"; done
system-fedora = Linux: Fedora y Red Hat
    .steps =
        Descargue el archivo PEM (los dos, si hay dos) y ejecute en su carpeta:
        $ sudo cp authority*.pem /etc/pki/ca-trust/source/anchors/
        $ sudo update-ca-trust
system-firefox = Firefox, en cualquier sistema
    .steps =
        Descargue el archivo PEM. Si hay dos, haga esto con ambos.
        En los ajustes, abra «Privacidad & Seguridad», «Certificados», «Ver certificados» y la pestaña «Autoridades».
        Elija «Importar», seleccione el archivo y marque «Confiar en esta CA para identificar sitios web».

## Dispositivos con nombre propio

devices-title = Sus dispositivos
devices-lead = Un dispositivo que se dirige al proxy por un nombre propio se reconoce como suyo también donde varias personas comparten una dirección, y para ello no se descifra nada.
devices-none = Aún no tiene ningún dispositivo de este tipo.
devices-used = usado por última vez el { $moment }
devices-unused = aún sin usar
devices-places = válido en { $places }
devices-until = termina el { $moment }, a menos que antes inicie sesión en él
devices-signed-out = inicie sesión en él
devices-again = Dirección nueva
devices-remove = Quitar
devices-wire = Su nombre se puede leer de camino al proxy, así que solo vale en las redes en las que lo ha usado. En otra se le pedirá una vez que inicie sesión.
devices-full = Tiene tantos dispositivos como puede tener una persona: quite uno antes de añadir otro.
devices-removed = El dispositivo se ha quitado. A quien use su nombre se le pedirá que inicie sesión.
devices-make = Añadir un dispositivo
devices-name = ¿Cómo lo llama?
devices-hint = Para que lo reconozca, por ejemplo: portátil de la oficina.
devices-button = Crear su dirección

setup-title = Configurar { $device }
setup-lead = Dé al dispositivo esta dirección como dirección de la configuración automática del proxy (PAC), a mano o con uno de los archivos de abajo:
setup-secret = Esta dirección solo se muestra durante una hora y es secreta: quien la usa pasa por usted. Si se pierde, cree otra en la página de sus dispositivos.
setup-files = Archivos de configuración
setup-download = Descargar
setup-download-certificate = Descargar con el certificado
setup-trust = El dispositivo debe confiar en el certificado del proxy. Si no puede conectarse, falta el certificado:
setup-back = A sus dispositivos
setup-windows = Windows
    .steps =
        Descargue el archivo, ábralo y confirme que puede cambiar la configuración.
        Cierre el navegador y ábralo de nuevo. Edge, Chrome y la mayoría de los programas toman la dirección de ahí.
        Para deshacerlo, abra «Configuración de proxy» y desactive «Usar script de configuración».
setup-apple = macOS, iPhone y iPad
    .steps =
        En un Mac, descargue el perfil, ábralo e instálelo en los ajustes del sistema, en «Perfiles».
        Un iPhone o iPad solo admite un proxy para todas las redes si lo administra su organización. De lo contrario, abra «Wi-Fi» en Ajustes, la red, «Configurar proxy», «Automático», e introduzca la dirección.
        Con el certificado, actívelo también en «General», «Información», «Ajustes de confianza de los certificados».
setup-linux = Linux: GNOME y KDE
    .steps =
        Descargue el script y ejecútelo en su propia sesión:
        $ sh vestibule-proxy.sh
        Para deshacerlo, elija «Desactivado» o «Sin proxy» en los ajustes de red.
setup-terminal = Terminal: curl, git y otros
    .steps =
        Descargue el archivo y léalo en su shell; entonces lo usan los programas que saben hablar TLS con un proxy:
        $ . ./vestibule-proxy.env
        Para deshacerlo, cierre el shell.
setup-firefox = Firefox
    .steps =
        Descargue policies.json y póngalo en la carpeta «distribution» junto al programa, o en Linux en /etc/firefox/policies.
        Con el certificado, ponga authority.pem (o authority-1.pem y authority-2.pem) en ~/.mozilla/certificates en Linux; en Windows y macOS Firefox lo toma del sistema.
        O introduzca la dirección en los ajustes, en «Configuración de red», «URL de configuración automática del proxy».
setup-chromium = Chromium, Chrome y Edge en Linux
    .steps =
        Descargue la directiva y póngala en la carpeta de su navegador:
        $ sudo install -Dm644 vestibule-proxy.json /etc/chromium/policies/managed/vestibule-proxy.json
        Para Chrome la carpeta es /etc/opt/chrome/policies/managed; para Edge, /etc/opt/edge/policies/managed.

## La dirección del propio proxy

home-title = Esto es un proxy
home-lead = Los navegadores pasan por él para ir a Internet. No hay nada más que ver en esta dirección.
home-pac = Configuración automática del proxy
home-pac-lead = Introduzca esta dirección como dirección de configuración automática (PAC) del dispositivo o navegador:
home-portal = Abrir el portal

## Texto sencillo para herramientas

tool-sign-in = Es necesario iniciar sesión
    .what = Nadie ha iniciado sesión en este dispositivo, y esta solicitud no se puede enviar a una página de inicio de sesión.
    .next = Abra el portal en un navegador de este dispositivo, inicie sesión y vuelva a intentarlo.
tool-sign-in-again = Es necesario volver a iniciar sesión
    .what = Inició sesión hace demasiado tiempo para este destino, y esta solicitud no se puede enviar a una página de inicio de sesión.
    .next = Abra la dirección de abajo en un navegador en el que haya iniciado sesión y demuestre quién es. Después, vuelva a intentarlo.
tool-too-weak = Hace falta una prueba más segura de quién es usted
    .what = Se sabe quién es usted, pero por algo demasiado débil para este destino, y ningún inicio de sesión en esta conexión lo cambia.
    .next = Use un dispositivo con un certificado de su organización, por el proxy seguro. Su servicio de ayuda sabe más.
tool-token-wanted = Hace falta un token
    .what = Se sabe quién es usted, pero por algo demasiado débil para este destino. Un token personal basta.
    .next = Cree un token en la dirección de abajo y úselo como contraseña del proxy. Después vuelva a intentarlo.
tool-denied = Bloqueado por una regla
    .what = Las reglas no permiten este destino.
    .next = Si lo necesita para su trabajo, pregunte a su servicio de asistencia e indique el identificador de la solicitud.
tool-warned = Antes hay que leer una advertencia
    .what = Una regla advierte sobre este destino, y esta solicitud no puede mostrar la advertencia.
    .next = Abra la dirección de abajo en un navegador en el que haya iniciado sesión, lea allí la advertencia y continúe. Después, inténtelo de nuevo.
tool-overridable = Bloqueado por una regla
    .what = Las reglas no permiten este destino, salvo que alguien levante el bloqueo.
    .next = Si puede abrirlo, abra la dirección de abajo en un navegador en el que haya iniciado sesión. Después, inténtelo de nuevo.
tool-place = Destino:
tool-portal = Portal:

## Lo que una regla pone delante de un sitio

warning-title = Antes de continuar
warning-lead-place = Lea esto antes de abrir
warning-lead = Lea primero esto.
warning-plain = Su organización le pide que lo piense dos veces antes de abrir este sitio.
warning-rule = Regla
warning-go-on = Lo he leído: continuar
warning-remember = No se le volverá a preguntar durante { $time }.
warning-leave = Si no quiere continuar, cierre esta página.
span-minutes = { $minutes ->
    [one] { $minutes } minuto
   *[other] { $minutes } minutos
  }
span-hours = { $hours ->
    [one] { $hours } hora
   *[other] { $hours } horas
  }
override-lead = Una regla bloquea lo que iba a abrir.
override-title = Abrirlo por un tiempo
override-password-lead = Quien sepa la contraseña puede abrirlo durante { $time }.
override-member-lead = Puede abrirlo durante { $time }.
override-password = Contraseña
override-reason = ¿Para qué lo necesita?
override-reason-hint = Sus administradores leerán esto.
override-open = Abrir
override-recorded = Se registran su nombre, el sitio y la hora.
override-wrong = Esa no es la contraseña.
override-no-reason = Diga para qué lo necesita.
override-too-many = Ha habido demasiados intentos. Espere diez minutos e inténtelo de nuevo.
weak-title = Este sitio necesita un inicio de sesión más seguro
weak-lead = solo se abre donde es seguro quién es usted.
weak-rule = Exigido por
weak-why = Ha iniciado sesión, pero en esta conexión otra persona podría hacerse pasar por usted. Iniciar sesión de nuevo no lo cambia.
weak-secure = Este sitio se abre en dispositivos que tienen un certificado de su organización y usan el proxy seguro.

## Pedir una revisión

review-title = Pedir este sitio
review-lead = Se avisará a quienes se ocupan de las reglas.
review-site = Sitio
review-why = ¿Para qué lo necesita?
review-why-hint = Puede dejarlo vacío.
review-told = Su solicitud se ha enviado
review-told-lead = Quienes se ocupan de las reglas ya saben que necesita { $site }.
review-told-next = Todavía no ha cambiado nada. Puede cerrar esta página.
review-not-told = No se ha podido enviar su solicitud
review-not-told-lead = El servicio que recibe estas solicitudes no responde.
review-not-told-next = Inténtelo más tarde, o indique a su servicio de asistencia la regla y el identificador de la solicitud.

## Test SSO, para operadores

test-title = Test SSO: { $realm }
test-lead = Esta prueba hace un inicio de sesión que no cambia nada: nadie inicia sesión, y usted ve todo lo que se ha enviado y comprobado.
test-waits = Este dominio de autenticación seguirá desactivado hasta que se supere una prueba.
test-entity = Nuestro ID de entidad
test-acs = URL de respuesta (ACS)
test-issuer = Proveedor de identidad
test-begin = Empezar la prueba
test-again = Repetir la prueba
test-errors = Si el proveedor de identidad muestra un error
test-errors-lead = Algunos errores de Microsoft Entra ID se quedan en su propia página y nunca vuelven aquí. Qué hay que cambiar:
test-good = La prueba se ha superado
test-good-lead = Las personas de { $realm } pueden iniciar sesión con esta configuración. Esta prueba no ha iniciado la sesión de nadie.
test-bad = La prueba ha fallado
test-bad-lead = Nadie de { $realm } podría iniciar sesión con esta configuración. Lo que hay que cambiar figura junto a cada comprobación fallida.
test-switched-on = El dominio de autenticación esperaba esta prueba. Ahora está activado.
test-checks = Comprobaciones
test-passed = superada
test-failed = fallida
test-not-reached = no alcanzada
test-found = encontrado
test-certificates = Certificados
test-certificate-message = en el mensaje
test-certificate-trusted = configurado aquí
test-claims = Notificaciones (claims)
test-claim = Notificación
test-value = Valor
test-becomes = Se convierte en
test-unused = omitido
test-messages = Mensajes
test-request = Lo que se preguntó (AuthnRequest)
test-response = Lo que se respondió (Response)
test-assertion = Lo que estaba cifrado (Assertion)
test-masked = Se omiten firmas, resúmenes y certificados, para que lo que copie de esta página no inicie la sesión de nadie.

check-age = Llegó a tiempo a una dirección de este dominio de autenticación
    .wanted = esperado
    .cure = Empiece la prueba de nuevo. Si vuelve a fallar, la URL de respuesta del proveedor de identidad no figura en acs ni en acs_aliases de este dominio de autenticación.
check-shape = Es una Response de SAML con la forma habitual
    .wanted = esperado
    .cure = El mensaje no es lo que envía un proveedor de identidad, o contiene partes que este portal rechaza. ¿Lo cambia algo en el camino? Si está cifrado para una clave que no está configurada aquí, quite el certificado en Cifrado de tokens.
    .algorithm = Está firmada o cifrada con un algoritmo demasiado débil, como SHA-1. En Entra: Inicio de sesión único, Certificados SAML, Editar, Algoritmo de firma: SHA-256. En otros: elija SHA-256 para la firma y para el resumen.
check-version = SAML 2.0
    .wanted = esperado
    .cure = Ponga el proveedor de identidad en SAML 2.0.
check-destination = Se envió a esta dirección (Destination)
    .wanted = esperado
    .cure = En el proveedor de identidad, ponga como URL de respuesta la dirección que se espera aquí, letra por letra. En Entra: Inicio de sesión único, Configuración básica de SAML.
check-issuer = Viene del proveedor de identidad configurado (Issuer)
    .wanted = esperado
    .cure = Los metadatos o el issuer de este dominio de autenticación son de otro proveedor de identidad o inquilino. Copie el identificador de Microsoft Entra con su barra final, o descargue de nuevo los metadatos de esta aplicación.
check-request = Responde a nuestra petición (InResponseTo)
    .wanted = esperado
    .cure = La Response se hizo para otra petición, o para ninguna. Empiece la prueba con el botón, no con un icono del proveedor de identidad.
check-issued = Se acaba de hacer (IssueInstant)
    .wanted = hora aquí
    .cure = Tiene una fecha futura, o anterior a nuestra solicitud. Los relojes difieren en más de un minuto: ajuste por NTP el reloj de esta máquina y el del proveedor de identidad.
check-status = El proveedor de identidad dice que todo fue bien (Status)
    .wanted = esperado
    .cure = El proveedor de identidad da su motivo arriba.
check-signature = Los dos verificadores la encuentran firmada por un certificado configurado
    .wanted = esperado
    .cure = No están firmadas ni la Response ni la Assertion, o la firma no es válida. En Entra sirve cualquier opción de firma, con el algoritmo de firma SHA-256.
    .algorithm = Está firmada o cifrada con un algoritmo demasiado débil, como SHA-1. En Entra: Inicio de sesión único, Certificados SAML, Editar, Algoritmo de firma: SHA-256. En otros: elija SHA-256 para la firma y para el resumen.
    .foreign = Se firmó con un certificado que no está configurado aquí: compare las huellas de abajo. En Entra, en Certificados SAML, el certificado activo tiene otra huella que el suyo: descargue de nuevo XML de metadatos de federación o Certificado (Base64) y póngalo en metadata o certificate de este dominio de autenticación.
check-assertion = La Assertion está completa
    .wanted = esperado
    .cure = A la Assertion le falta una parte que exige el perfil Web Browser SSO, como Conditions, una confirmación bearer o un AuthnStatement.
check-assertion-issuer = La Assertion viene del proveedor de identidad configurado
    .wanted = esperado
    .cure = Los metadatos o el issuer de este dominio de autenticación son de otro proveedor de identidad o inquilino.
check-assertion-issued = La Assertion se acaba de hacer (IssueInstant)
    .wanted = hora aquí
    .cure = Tiene una fecha futura, o anterior a nuestra solicitud. Los relojes difieren en más de un minuto: ajuste por NTP el reloj de esta máquina y el del proveedor de identidad.
check-validity = Es válida ahora (Conditions)
    .wanted = hora aquí
    .cure = La Assertion aún no es válida, o ya no lo es. Ajuste el reloj de esta máquina por NTP.
check-audience = Está destinada a nosotros (Audience)
    .wanted = esperado
    .cure = En el proveedor de identidad, ponga en Identificador (ID de entidad) lo que se espera aquí, letra por letra, o cambie entity_id de este dominio de autenticación.
check-authentication = La persona ha demostrado quién es, y eso aún vale
    .wanted = hora aquí
    .cure = Los relojes difieren, o la sesión en el proveedor de identidad ha terminado. Cierre allí la sesión y repita la prueba.
check-context = La persona inició sesión de una manera que se pide (AuthnContext)
    .wanted = esperado, uno de
    .cure = Haga que el proveedor de identidad pida una de las maneras esperadas, añada la encontrada a authn_context de este dominio de autenticación, o quite authn_context: entonces sirve cualquiera.
check-anew = Se preguntó de nuevo a la persona (ForceAuthn)
    .wanted = preguntado a las
    .cure = El proveedor de identidad respondió con un inicio de sesión anterior a la petición. Haga que respete ForceAuthn, o quite force_authn de este dominio de autenticación. Si sí preguntó, los relojes difieren en más de un minuto.
check-confirmation = Se puede presentar aquí y ahora (Recipient)
    .wanted = esperado
    .cure = En el proveedor de identidad, ponga como URL de respuesta la dirección que se espera aquí, letra por letra. Si ya es así, los relojes difieren.
check-identity = Las notificaciones nombran a alguien
    .wanted = esperado, uno de
    .cure = No está ninguna de las identity_claims de este dominio de autenticación, o alguna está vacía, repetida o es de otro inquilino. En Entra: Atributos y notificaciones, Agregar nueva notificación, con un espacio de nombres vacío. O nombre en identity_claims una de las notificaciones encontradas. A quienes solo nombra la NameID los nombra identity_claims = ["NameID"].
check-domain = El dominio de autenticación responde por el dominio de ese nombre
    .wanted = esperado, uno de
    .cure = El nombre está en un dominio que no es de este dominio de autenticación. Si es suyo, añádalo a domains de este dominio de autenticación. Si es de un invitado, añádalo a foreign_names, o envíe una notificación con el nombre que los invitados tienen en el inquilino.

field-name = el nombre en registros y reglas
field-id = el identificador invariable
field-display-name = el nombre para leer
field-sam-account-name = sAMAccountName
field-upn = UPN
field-email = dirección de correo
field-groups = grupos
field-too-many-groups = grupos desconocidos (más de 150)
field-tenant = el inquilino exigido

entra-50011 = La URL de respuesta no está registrada. Entra: Aplicaciones empresariales, su aplicación, Inicio de sesión único, Configuración básica de SAML, URL de respuesta: añada { $acs }
entra-50058 = Entra debía iniciar la sesión de alguien sin mostrar ninguna página, y nadie la tenía iniciada. Empiece de nuevo; si continúa, el navegador bloquea las cookies de login.microsoftonline.com.
entra-50105 = La persona no está asignada a la aplicación. Entra: Aplicaciones empresariales, su aplicación, Usuarios y grupos, Agregar usuario o grupo. O bien Propiedades, ¿Asignación necesaria?, No.
entra-700016 = En este inquilino no hay ninguna aplicación con nuestro ID de entidad. Entra: Inicio de sesión único, Configuración básica de SAML, Identificador (ID de entidad): { $entity } – o ponga en entity_id de este dominio de autenticación lo que figura allí. Si el identificador es correcto, login_url es de otro inquilino.
entra-75011 = La manera de iniciar sesión no es la que pedimos. Quite authn_context de este dominio de autenticación: quien usa Windows Hello, un certificado o una llave no podría iniciar sesión con él.
entra-900236 = Entra no acepta un Subject en una petición. Nosotros no lo enviamos: algo entre este portal y Entra ha cambiado la petición, o la ha enviado otro producto.
entra-7500529 = El ID de la petición empieza por un dígito. El nuestro nunca: algo entre este portal y Entra ha cambiado la petición, o la ha enviado otro producto.

## Herramientas y terminales

tokens-count = { $count ->
    [one] { $count } herramienta o terminal con la sesión iniciada
   *[other] { $count } herramientas y terminales con la sesión iniciada
  }
tokens-title = Herramientas y terminales
tokens-lead = Programas como git, curl o pip no pueden mostrar una página de inicio de sesión. Aquí les da paso por el proxy en su nombre.
tokens-list = Con la sesión iniciada
tokens-account = Todo lo de aquí cuenta como
tokens-none = Ninguna herramienta ni terminal tiene la sesión iniciada.
tokens-terminal = Terminal
tokens-made = Creado
tokens-expires = Caduca
tokens-last-use = Último uso
tokens-never = nunca
tokens-networks = Desde
tokens-destinations = Para
tokens-revoke = Revocar…
tokens-revoke-lead = Lo que lo use se corta al instante. No se puede deshacer.
tokens-revoke-now = Revocar { $name }
tokens-sign-in-terminal = Iniciar sesión en un terminal
tokens-sign-in-terminal-lead = Para la ventana en la que escribe comandos. Ejecute allí esta línea y apruébela aquí. No hay que copiar nada de vuelta, y no queda nada en ningún archivo.
tokens-new = Crear un token
tokens-new-lead = Para scripts y servidores que funcionan sin usted. Un token es una contraseña larga para un solo programa.
tokens-what = ¿Qué es un token?
tokens-what-text =
    Un programa muestra su token al proxy en lugar de una página de inicio de sesión, y pasa en su nombre. No sirve para nada más: nadie puede abrir su cuenta ni su correo con él.
    Quien lo tiene actúa en su nombre, así que cree uno para cada fin, limítelo y guárdelo como una contraseña. Caduca solo, y puede revocarlo aquí en cualquier momento.
tokens-note-revoked = Se ha revocado, y lo que lo usaba se ha cortado.
tokens-note-no-terminal = Ningún terminal pregunta con este código. Vale diez minutos y una sola vez: pida uno nuevo en el terminal.
tokens-note-shown = Un token se muestra una sola vez. Si no lo copió, revóquelo y cree otro.

token-name = Nombre
token-name-hint = Para qué es, por ejemplo servidor de compilación
token-lifetime = Válido durante
token-days = { $days ->
    [one] { $days } día
   *[other] { $days } días
  }
token-limits = Limitar dónde y para qué funciona
token-networks = Dónde se puede usar
token-networks-hint = Vacío para cualquier lugar; si no, redes, direcciones e intervalos, separados por comas. Usted está en { $client }, en la red { $network }.
token-destinations = Para qué se puede usar
token-destinations-hint = Vacío para todo; si no, destinos como pypi.org, con todos los equipos que dependen de él
token-make = Crear el token
token-mistake-name = Dele un nombre por el que lo reconozca.
token-mistake-network = { $entry } no es una dirección, un intervalo ni el nombre de una red de aquí.
token-mistake-destination = { $entry } no es un destino: escriba solo el nombre del equipo, como pypi.org.
token-mistake-many = Hay más de veinte entradas.
token-mistake-full = { $most ->
    [one] Ya tiene { $most } token, y nadie tiene más: revóquelo antes.
   *[other] Ya tiene { $most } tokens, y nadie tiene más: revoque uno antes.
  }

new-token-title = Su nuevo token
new-token-lead = Cópielo ahora: se muestra una sola vez, y nadie puede volver a mostrarlo.
new-token-lines = Listo para copiar
new-token-lines-lead = Quien pueda leer el archivo o el entorno en el que está puede usarlo.
new-token-done = Listo
token-for-shell = Linux, macOS: todo en un shell
    .where = En ~/.profile, o en el propio shell
token-for-curl = curl
    .where = En la línea de comandos; las líneas para el shell también funcionan
token-for-wget = wget
    .where = En la línea de comandos, o https_proxy en ~/.wgetrc
token-for-git = git
    .where = Por https
token-for-pip = pip
    .where = Para su cuenta
token-for-npm = npm
    .where = Para su cuenta
token-for-apt = apt
    .where = En un archivo como /etc/apt/apt.conf.d/80proxy que solo pueda leer root (chmod 600)
token-for-docker = docker
    .where = En ~/.docker/config.json, para contenedores; el propio dockerd lee HTTPS_PROXY en su unidad
token-for-powershell = PowerShell
    .where = En la sesión, o en $PROFILE
token-for-other = Cualquier otra cosa
    .where = Equipo, puerto, nombre y contraseña del proxy

terminal-title = ¿Es este su terminal?
terminal-lead = Un terminal pide iniciar sesión en su nombre. Debe mostrar este código:
terminal-elsewhere = Este terminal tiene otra dirección que este navegador. Apruébelo solo si sabe por qué.
terminal-address = Dirección
terminal-tool = Herramienta
terminal-asked = Preguntado
terminal-means = Si lo aprueba, quien esté ante ese terminal usa Internet como { $account } hasta el { $moment }, o hasta que usted cierre la sesión aquí.
terminal-warning = Apruebe solo lo que usted acaba de iniciar. Si alguien le envió esta dirección, rechácelo.
terminal-approve = Aprobar
terminal-refuse = Rechazar
terminal-decided-good = Su terminal está aprobado
terminal-decided-approved = Aprobado. Su terminal continúa en un momento; puede cerrar esta página.
terminal-decided-bad = El terminal se ha rechazado
terminal-decided-refused = Rechazado. Se ha avisado al terminal; puede cerrar esta página.
terminal-decided-list = Todas las herramientas y terminales

terminal-open = Abra esta dirección en un navegador en el que haya iniciado sesión, o inicie sesión allí:
terminal-compare = Debe mostrar el código { $code }. Apruébelo allí.
terminal-waiting = Esperando (Ctrl-C para terminar)…
terminal-approved = Sesión iniciada como { $account } hasta el { $moment }.
terminal-refused = El terminal se ha rechazado.
terminal-unknown = El código ya no es válido, o se creó en otra dirección. Empiece de nuevo.
terminal-away = Nadie puede iniciar sesión en este momento: el almacén de sesiones no responde. Vuelva a intentarlo más tarde.
terminal-plain = Esto no es un script. Sin TLS, cualquiera en el camino podría escribir lo que ejecuta su shell y leer el token. Pregunte al portal, a través del proxy:
terminal-authority = El archivo { $file } es el certificado de la entidad de este proxy: descárguelo en su navegador en { $place }, o pídalo a su servicio de asistencia. No use -k en su lugar: entonces no se demostraría nada.

tool-unknown = El proxy debe saber quién pregunta, y esta herramienta no tiene token.
tool-terminal = Para iniciar sesión en este terminal, abra esta dirección en un navegador:
tool-terminal-code = Compare allí el código { $code } y apruébelo. Después ejecute aquí:
tool-token = Para scripts, cree un token y úselo como contraseña del proxy:
tool-token-unknown = El token o la contraseña del proxy no es válido.
tool-token-expired = El token ha caducado.
tool-token-revoked = El token se ha revocado.
tool-token-person = El token es de otra persona que el nombre que lleva delante. Use el nombre «token».
tool-token-network = El token no vale para la red en la que está este equipo.
tool-token-destination = El token no vale para este destino.
tool-token-too-many = Ha habido demasiados tokens incorrectos desde esta dirección. Espere un minuto.
tool-token-away = Los tokens no se pueden consultar en este momento. Vuelva a intentarlo más tarde.

## Consentimiento del administrador de un inquilino

consent-granted = Se ha concedido el permiso
consent-granted-lead = La aplicación del directorio { $directory } ya puede hacer lo que pide.
consent-granted-next = El directorio se está leyendo. Puede cerrar esta página.
consent-refused = No se ha concedido el permiso
consent-refused-lead = La aplicación del directorio { $directory } no ha recibido lo que pide:
consent-refused-next = Pida un enlace nuevo y haga que lo abra un administrador que pueda dar su consentimiento.
consent-stale = Este enlace ya no es válido
consent-stale-lead = La respuesta llegó demasiado tarde, o nadie la esperaba. Aquí no ha cambiado nada.
